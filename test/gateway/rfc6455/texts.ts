/** Section 6: texts that are UTF-8, and such that are not. */
import { Opcode } from '../../support/raw-socket.js'
import { answer, type Case, type Expected, last, OPEN, part, whole } from './case.js'

const { continuation, text } = Opcode
const BAD_DATA: Expected = { ends: 'failed', codes: [1007] }
const GREEK_HEX = 'ce ba e1 bd b9 cf 83 ce bc ce b5'

interface Sample {
  id: string
  title: string
  bytes: Buffer
}

const numbered = (section: string, title: string, hexes: readonly string[]): Sample[] =>
  hexes.map((hex, at) => ({
    id: `${section}.${at + 1}`,
    title: `${title} (${hex})`,
    bytes: Buffer.from(hex.replaceAll(' ', ''), 'hex'),
  }))

const VALID_UTF8: readonly Sample[] = [
  { id: '6.2.1', title: 'text with umlauts', bytes: Buffer.from('Hello-µ@ßöäüàá-UTF-8!!') },
  ...numbered('6.5', 'Greek', [GREEK_HEX]),
  ...numbered('6.7', 'the first character of a length', ['00', 'c2 80', 'e0 a0 80', 'f0 90 80 80']),
  ...numbered('6.9', 'the last character of a length', ['7f', 'df bf', 'ef bf bf', 'f4 8f bf bf']),
  ...numbered('6.11', 'a boundary', ['ed 9f bf', 'ee 80 80', 'ef bf bd', 'f4 8f bf bf']),
  ...numbered('6.22', 'a noncharacter', [
    'ef bf be',
    'ef bf bf',
    'f0 9f bf be',
    'f0 9f bf bf',
    'f0 af bf be',
    'f3 bf bf bf',
  ]),
  ...numbered('6.23', 'a special', ['ef bf b9', 'ef bf ba', 'ef bf bc', 'ef bf bd']),
]

const INVALID_UTF8: readonly Sample[] = [
  ...numbered('6.3', 'a surrogate among text', [`${GREEK_HEX} ed a0 80 65 64 69 74 65 64`]),
  ...numbered('6.4', 'a character too high among text', [`${GREEK_HEX} f4 90 80 80 65 64 69 74 65 64`]),
  ...numbered('6.6', 'a character cut short', ['ce', 'ce ba e1', 'ce ba e1 bd', `${GREEK_HEX.slice(0, -3)}`]),
  ...numbered('6.8', 'the first of five or six bytes', ['f8 88 80 80 80', 'fc 84 80 80 80 80']),
  ...numbered('6.10', 'the last of a length that is too great', [
    'f7 bf bf bf',
    'fb bf bf bf bf',
    'fd bf bf bf bf bf',
  ]),
  ...numbered('6.11b', 'one above the greatest', ['f4 90 80 80']),
  ...numbered('6.12', 'continuation bytes alone', [
    '80',
    'bf',
    '80 bf',
    '80 bf 80',
    '80 bf 80 bf 80 bf',
    '80 81 82 bd be bf',
  ]),
  ...numbered('6.13', 'a first byte before a blank', [
    'c0 20 c1 20',
    'e0 20 e1 20',
    'f0 20 f1 20',
    'f8 20 f9 20',
    'fc 20',
  ]),
  ...numbered('6.14', 'a character without its last byte', [
    'c0',
    'e0 80',
    'f0 80 80',
    'f8 80 80 80',
    'fc 80 80 80 80',
    'df',
    'ef bf',
    'f7 bf bf',
  ]),
  ...numbered('6.15', 'several of them', ['c0 e0 80 f0 80 80 f8 80 80 80']),
  ...numbered('6.16', 'bytes that no character has', ['fe', 'ff', 'fe fe ff ff']),
  ...numbered('6.17', 'a slash in too many bytes', [
    'c0 af',
    'e0 80 af',
    'f0 80 80 af',
    'f8 80 80 80 af',
    'fc 80 80 80 80 af',
  ]),
  ...numbered('6.18', 'the highest of too many bytes', [
    'c1 bf',
    'e0 9f bf',
    'f0 8f bf bf',
    'f8 87 bf bf bf',
    'fc 83 bf bf bf bf',
  ]),
  ...numbered('6.19', 'zero in too many bytes', [
    'c0 80',
    'e0 80 80',
    'f0 80 80 80',
    'f8 80 80 80 80',
    'fc 80 80 80 80 80',
  ]),
  ...numbered('6.20', 'a surrogate', [
    'ed a0 80',
    'ed ad bf',
    'ed ae 80',
    'ed af bf',
    'ed b0 80',
    'ed be 80',
    'ed bf bf',
  ]),
  ...numbered('6.21', 'a pair of surrogates', [
    'ed a0 80 ed b0 80',
    'ed a0 80 ed bf bf',
    'ed ad bf ed b0 80',
    'ed af bf ed bf bf',
  ]),
]

/** A fragment for each byte. */
function inBytes(payload: Uint8Array): Buffer[] {
  const pieces = [...payload].map((byte) => Uint8Array.of(byte))
  return [part(text), ...pieces.map((piece) => part(continuation, piece)), last()]
}

const GREEK = Buffer.from('κόσμε')
export const TEXTS: readonly Case[] = [
  {
    id: '6.1.1',
    title: 'an empty text message',
    frames: [whole(text)],
    answers: [answer(text)],
    expected: OPEN,
  },
  {
    id: '6.1.2',
    title: 'three empty fragments',
    frames: [part(text), part(continuation), last()],
    answers: [answer(text)],
    expected: OPEN,
  },
  {
    id: '6.1.3',
    title: 'empty fragments about a full one',
    frames: [part(text), part(continuation, 'middle'), last()],
    answers: [answer(text, 'middle')],
    expected: OPEN,
  },
  {
    id: '6.2.2',
    title: 'fragments between characters',
    frames: [part(text, GREEK.subarray(0, 2)), last(GREEK.subarray(2))],
    answers: [answer(text, GREEK)],
    expected: OPEN,
  },
  {
    id: '6.2.4',
    title: 'fragments within characters',
    frames: inBytes(GREEK),
    answers: [answer(text, GREEK)],
    expected: OPEN,
  },
  ...VALID_UTF8.map(({ id, title, bytes }) => ({
    id,
    title: `${title} comes back`,
    frames: [whole(text, bytes)],
    answers: [answer(text, bytes)],
    expected: OPEN,
  })),
  ...INVALID_UTF8.flatMap(({ id, title, bytes }) => [
    { id, title: `${title} fails`, frames: [whole(text, bytes)], answers: [], expected: BAD_DATA },
    {
      id: `${id}b`,
      title: `${title} fails in fragments`,
      frames: inBytes(bytes),
      answers: [],
      expected: BAD_DATA,
    },
  ]),
]
