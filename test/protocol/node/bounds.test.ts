import { pack } from 'msgpackr'
import t from 'tap'
import { Platform } from '../../../src/openim/platforms.js'
import {
  CONNECTION_ID_CHARACTERS_MAX,
  DIGEST_CHARACTERS_MAX,
  HOLDER_CHARACTERS_MAX,
  LIST_MAX,
  MESSAGE_BYTES_MAX,
  PLATFORMS_MAX,
  USER_LIST_MAX,
} from '../../../src/protocol/node/bounds.js'
import { packEnvelope } from '../../../src/protocol/node/envelope.js'
import { decodeMessage, type Message } from '../../../src/protocol/node/message.js'
import { USER_ID_BYTES_MAX } from '../../../src/rules/user-id.js'

const text = (length: number) => 'x'.repeat(length)
const list = <T>(length: number, element: T): T[] => Array.from({ length }, () => element)

/** What is made of a message with one note. */
function decode(note: { kind: string }): Message {
  const numbering = { to: 'b#1', seq: 1 }
  const message = decodeMessage(packEnvelope('a#1', numbering, [{ kind: note.kind, body: note }]))
  if (typeof message === 'number') throw new Error(`Not understood: version ${message}.`)
  return message
}

const eviction = { userId: 'u', before: 1 }
const login = { connectionId: 'c', platformId: Platform.Web, nodeId: 'b', background: false }

/** For each bounded field a note in which it has this size. */
const BOUNDED: [field: string, sizeMax: number, (size: number) => { kind: string }][] = [
  ['evict from', HOLDER_CHARACTERS_MAX, (size) => ({ kind: 'evict', id: 1, from: text(size), eviction })],
  [
    'evict userId',
    USER_ID_BYTES_MAX,
    (size) => ({ kind: 'evict', id: 1, from: 'a#1', eviction: { ...eviction, userId: text(size) } }),
  ],
  [
    'evict platformIds',
    PLATFORMS_MAX,
    (size) => ({ kind: 'evict', id: 1, from: 'a#1', eviction: { ...eviction, platformIds: list(size, 5) } }),
  ],
  [
    'evict connectionId',
    CONNECTION_ID_CHARACTERS_MAX,
    (size) => ({ kind: 'evict', id: 1, from: 'a#1', eviction: { ...eviction, connectionId: text(size) } }),
  ],
  [
    'evict probes',
    DIGEST_CHARACTERS_MAX,
    (size) => ({ kind: 'evict', id: 1, from: 'a#1', eviction: { ...eviction, probes: text(size) } }),
  ],
  [
    'evicted left',
    USER_LIST_MAX,
    (size) => ({ kind: 'evicted', id: 1, userId: 'u', gone: 0, left: list(size, login) }),
  ],
  ['remind userIds', LIST_MAX, (size) => ({ kind: 'remind', from: 'a#1', userIds: list(size, 'u') })],
  [
    'holding users',
    LIST_MAX,
    (size) => ({ kind: 'holding', from: 'a#1', users: list(size, { userId: 'u', platformIds: [] }) }),
  ],
  ['died dead', LIST_MAX, (size) => ({ kind: 'died', dead: list(size, { holder: 'c#1', inMs: 0 }) })],
  [
    'withdraw tokens',
    USER_LIST_MAX,
    (size) => ({ kind: 'withdraw', userId: 'u', platformId: Platform.Web, tokens: list(size, 't'), by: 1 }),
  ],
]

for (const [field, sizeMax, note] of BOUNDED) {
  t.test(`${field} is taken up to its bound, and not beyond`, async (t) => {
    t.match(decode(note(sizeMax)), { notes: { length: 1 }, leftOut: { length: 0 } })
    const [kind] = field.split(' ')
    t.match(decode(note(sizeMax + 1)), { notes: { length: 0 }, leftOut: [`malformed ${kind}`] })
  })
}

t.test('changes beyond their bound count as lost', async (t) => {
  const change = ['u', 7, [], []]
  const withChanges = (changes: unknown[]) => pack({ v: 1, from: 'a#1', to: 'b#1', seq: 1, changes })
  t.match(decodeMessage(withChanges(list(LIST_MAX, change))), { notes: [{ kind: 'changes' }] })
  t.throws(() => decodeMessage(withChanges(list(LIST_MAX + 1, change))), /list of changes/)
  t.throws(() => decodeMessage(withChanges([[text(USER_ID_BYTES_MAX + 1), 7, [], []]])), /Not a change/)
  const record = ['u', ['v', 7], []]
  t.match(decodeMessage(pack([2, 'a#1', list(LIST_MAX, record).flat()])), { notes: [{ kind: 'changes' }] })
  t.throws(() => decodeMessage(pack([2, 'a#1', list(LIST_MAX + 1, record).flat(1)])), /list of changes/)
})

t.test('a message larger than Redis would deliver is refused before it is read', async (t) => {
  t.throws(() => decodeMessage(Buffer.alloc(MESSAGE_BYTES_MAX + 1)), /bytes/)
})

t.test('what a note has beside its fields stays where it is', async (t) => {
  const later = {
    kind: 'died',
    dead: [{ holder: 'c#1', inMs: 0, why: 'a field of a later release' }],
    hue: 1,
  }
  t.same(decode(later).notes, [later])
})
