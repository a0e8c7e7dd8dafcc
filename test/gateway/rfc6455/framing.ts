/** Sections 1 to 5: sizes, pings, reserved bits and opcodes, fragments. */
import { Opcode } from '../../support/raw-socket.js'
import { answer, type Case, HELLO, last, OPEN, PROTOCOL_ERROR, part, whole } from './case.js'

const { continuation, text, binary, close, ping, pong } = Opcode
const SIZES = [0, 125, 126, 127, 128, 65_535, 65_536]

/** The same case in one write for each frame, and byte by byte. */
function eachWay(ids: readonly string[], one: Omit<Case, 'id' | 'chopBytes'>): Case[] {
  const ways = [undefined, Number.MAX_SAFE_INTEGER, 1]
  const names = ['', ', all frames in one write', ', byte by byte']
  return ids.map((id, at) => ({ ...one, id, title: `${one.title}${names[at]}`, chopBytes: ways[at] }))
}

const framing: Case[] = ([text, binary] as const).flatMap((opcode, kind) =>
  [...SIZES, 65_536].map((size, at): Case => {
    const payload = Buffer.alloc(size, kind === 0 ? '*' : 0xfe)
    const isChopped = at === SIZES.length
    return {
      id: `1.${kind + 1}.${at + 1}`,
      title: `a ${kind === 0 ? 'text' : 'binary'} message of ${size} bytes comes back${isChopped ? ', sent in pieces' : ''}`,
      frames: [whole(opcode, payload)],
      ...(isChopped ? { chopBytes: 997 } : {}),
      answers: [answer(opcode, payload)],
      expected: OPEN,
    }
  }),
)

const NOT_TEXT = Buffer.from([0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff])
const LONG = Buffer.alloc(125, 0xfe)
const pings: Case[] = [
  {
    id: '2.1',
    title: 'a ping without payload gets its pong',
    frames: [whole(ping)],
    answers: [answer(pong)],
    expected: OPEN,
  },
  {
    id: '2.2',
    title: 'a pong has the payload of its ping',
    frames: [whole(ping, HELLO)],
    answers: [answer(pong, HELLO)],
    expected: OPEN,
  },
  {
    id: '2.3',
    title: 'a ping need not be text',
    frames: [whole(ping, NOT_TEXT)],
    answers: [answer(pong, NOT_TEXT)],
    expected: OPEN,
  },
  {
    id: '2.4',
    title: 'a ping may have 125 bytes',
    frames: [whole(ping, LONG)],
    answers: [answer(pong, LONG)],
    expected: OPEN,
  },
  {
    id: '2.5',
    title: 'a ping of 126 bytes fails',
    frames: [whole(ping, Buffer.alloc(126))],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '2.6',
    title: 'a ping of 125 bytes, byte by byte',
    frames: [whole(ping, LONG)],
    chopBytes: 1,
    answers: [answer(pong, LONG)],
    expected: OPEN,
  },
  {
    id: '2.7',
    title: 'a pong that nobody asked for is ignored',
    frames: [whole(pong)],
    answers: [],
    expected: OPEN,
  },
  { id: '2.8', title: 'so is one with a payload', frames: [whole(pong, HELLO)], answers: [], expected: OPEN },
  {
    id: '2.9',
    title: 'a ping after it is answered',
    frames: [whole(pong, HELLO), whole(ping, 'p')],
    answers: [answer(pong, 'p')],
    expected: OPEN,
  },
  ...eachWay(['2.10', '2.10b', '2.11'], {
    title: 'ten pings get ten pongs in order',
    frames: Array.from({ length: 10 }, (_, n) => whole(ping, `payload-${n}`)),
    answers: Array.from({ length: 10 }, (_, n) => answer(pong, `payload-${n}`)),
    expected: OPEN,
  }),
]

const reservedBits: Case[] = [1, 2, 3, 4, 5, 6, 7].map((rsv) => {
  const opcode = [text, text, text, text, binary, ping, close][rsv - 1]!
  const payload = opcode === close ? Buffer.from([0x03, 0xe8]) : HELLO
  return {
    id: `3.${rsv}`,
    title: `reserved bits ${rsv.toString(2).padStart(3, '0')} fail`,
    frames: [whole(text, HELLO), whole(opcode, payload, rsv), whole(ping)],
    ...(rsv === 4 ? { chopBytes: 1 } : {}),
    answers: [answer(text, HELLO)],
    expected: PROTOCOL_ERROR,
  }
})

const opcodes: Case[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode, at) => {
  const id = `4.${at < 5 ? 1 : 2}.${(at % 5) + 1}`
  const title = `opcode ${opcode} fails`
  const frames = [whole(opcode, at % 2 === 0 ? '' : HELLO), whole(ping)]
  return [
    { id, title, frames, answers: [], expected: PROTOCOL_ERROR },
    {
      id: `${id}b`,
      title: `${title} after a message`,
      frames: [whole(text, HELLO), ...frames],
      answers: [answer(text, HELLO)],
      expected: PROTOCOL_ERROR,
    },
  ]
})

const fragments: Case[] = [
  {
    id: '5.1',
    title: 'a ping in fragments fails',
    frames: [part(ping, 'a'), last('b')],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '5.2',
    title: 'a pong in fragments fails',
    frames: [part(pong, 'a'), last('b')],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  ...eachWay(['5.3', '5.4', '5.5'], {
    title: 'a text message in two fragments comes back whole',
    frames: [part(text, 'fragment1'), last('fragment2')],
    answers: [answer(text, 'fragment1fragment2')],
    expected: OPEN,
  }),
  ...eachWay(['5.6', '5.7', '5.8'], {
    title: 'a ping between two fragments is answered first',
    frames: [part(text, 'fragment1'), whole(ping, 'ping'), last('fragment2')],
    answers: [answer(pong, 'ping'), answer(text, 'fragment1fragment2')],
    expected: OPEN,
  }),
  ...eachWay(['5.9', '5.10', '5.11'], {
    title: 'a last fragment of nothing fails',
    frames: [last('nothing to continue'), whole(text, HELLO)],
    answers: [],
    expected: PROTOCOL_ERROR,
  }),
  ...eachWay(['5.12', '5.13', '5.14'], {
    title: 'a fragment of nothing fails',
    frames: [part(continuation, 'nothing to continue'), whole(text, HELLO)],
    answers: [],
    expected: PROTOCOL_ERROR,
  }),
  {
    id: '5.15',
    title: 'a fragment of nothing fails after a message in fragments',
    frames: [part(text, 'fragment1'), last('fragment2'), part(continuation, 'x'), whole(text, HELLO)],
    answers: [answer(text, 'fragment1fragment2')],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '5.16',
    title: 'a fragment of nothing fails before a message in fragments',
    frames: [part(continuation, 'x'), part(text, 'a'), last('b')],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '5.17',
    title: 'so does a last one',
    frames: [last('x'), part(text, 'a'), last('b')],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '5.18',
    title: 'a second message in the middle of the first fails',
    frames: [part(text, 'fragment1'), whole(text, 'fragment2')],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  ...eachWay(['5.19', '5.20'], {
    title: 'pings between five fragments are answered, and the message comes back',
    frames: [
      part(text, '1'),
      part(continuation, '2'),
      whole(ping, 'a'),
      part(continuation, '3'),
      part(continuation, '4'),
      whole(ping, 'b'),
      last('5'),
    ],
    answers: [answer(pong, 'a'), answer(pong, 'b'), answer(text, '12345')],
    expected: OPEN,
  }),
]

export const FRAMING: readonly Case[] = [...framing, ...pings, ...reservedBits, ...opcodes, ...fragments]
