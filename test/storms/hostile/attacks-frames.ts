/** Attacks by frames that are no requests: control frames, fragments, text, and what is no frame at all. */
import { closeFrame, frame, Opcode } from '../../support/raw-socket.js'
import type { Attack } from './attacks.js'
import type { Raider } from './raider.js'

/** Frames in one write. */
const BURST = 2_000
/** Longer than READ_TIMEOUT_MS. */
const SILENT_S = 45
/** How long the gateway has to end a socket that it should end at once. */
const SHOT_MS = 3_000

/** Log in and pour, as fast as it is taken; come back when it was ended. */
function hose(bytes: (n: number) => Buffer, first?: Buffer) {
  return (raider: Raider): Promise<void> =>
    raider.repeat(async () => {
      const socket = await raider.login()
      if (socket === undefined) return
      if (first !== undefined) socket.socket.write(first)
      let n = 0
      await raider.pour(socket, () => bytes(n++))
    })
}

/** Log in and write once. */
function shot(bytes: () => Buffer) {
  return (raider: Raider): Promise<void> =>
    raider.repeat(async () => {
      const socket = await raider.login()
      if (socket === undefined) return
      socket.socket.write(bytes())
      setTimeout(() => socket.leave(), SHOT_MS)
      await socket.gone
    })
}

const many = (one: Buffer): Buffer => Buffer.concat(Array(BURST).fill(one))
const pings = many(frame(Opcode.ping))
const bigPings = many(frame(Opcode.ping, Buffer.alloc(125)))
const pongs = many(frame(Opcode.pong))
const emptyFragments = many(frame(Opcode.continuation, undefined, false))
const tinyFragments = many(frame(Opcode.continuation, Buffer.from('a'), false))
const pingsInFragments = many(
  Buffer.concat([frame(Opcode.continuation, Buffer.from('a'), false), frame(Opcode.ping)]),
)
const emptyBinaries = many(frame(Opcode.binary))
const textPings = many(frame(Opcode.text, Buffer.from('{"type":"ping","body":"x"}')))
const longText = frame(Opcode.text, Buffer.from(`{"type":"ping","body":"${'x'.repeat(50_000)}"}`))
const deepText = frame(
  Opcode.text,
  Buffer.from(`{"type":"ping","body":${'['.repeat(20_000)}${']'.repeat(20_000)}}`),
)

export const frameAttacks: Attack[] = [
  { name: 'pings', run: hose(() => pings) },
  { name: 'big-pings', run: hose(() => bigPings) },
  { name: 'pongs', run: hose(() => pongs) },
  // The native library shows nobody these: they take turns with the others, and the socket counts as silent.
  {
    name: 'empty-fragments',
    turnS: SILENT_S,
    run: hose(() => emptyFragments, frame(Opcode.binary, undefined, false)),
  },
  { name: 'tiny-fragments', run: hose(() => tinyFragments, frame(Opcode.binary, undefined, false)) },
  { name: 'pings-in-fragments', run: hose(() => pingsInFragments, frame(Opcode.text, undefined, false)) },
  { name: 'empty-binaries', run: hose(() => emptyBinaries) },
  { name: 'text-pings', run: hose(() => textPings) },
  { name: 'long-texts', run: hose(() => longText) },
  { name: 'deep-texts', run: hose(() => deepText) },
  { name: 'too-long', run: hose(() => frame(Opcode.binary, Buffer.alloc(150_000))) },
  { name: 'far-too-long', run: hose(() => frame(Opcode.binary, Buffer.alloc(1_000_000))) },
  { name: 'ghosts', run: shot(() => Buffer.concat([pings, closeFrame(1000)])) },
  { name: 'ghosts-by-error', run: shot(() => Buffer.concat([pongs, frame(3)])) },
  { name: 'reserved-bits', run: shot(() => Buffer.from([0xf2, 0x80, 0, 0, 0, 0])) },
  { name: 'unmasked', run: shot(() => Buffer.from([0x82, 0x05, 1, 2, 3, 4, 5, 6, 7, 8, 9])) },
]
