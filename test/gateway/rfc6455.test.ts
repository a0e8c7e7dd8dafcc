/**
 * What clients may send a WebSocket server, and what RFC 6455 wants it to do: the cases of the Autobahn TestSuite that
 * concern a server without extensions, by its numbers, at the sockets of both transports.
 */
import '../support/entry.js'
import t, { type Test } from 'tap'
import { loadTransport } from '../../src/doors/websocket/transport/load-transport.js'
import type { Socket, Transport } from '../../src/doors/websocket/transport/transport.js'
import { CloseCode } from '../../src/openim/close-codes.js'
import { noNativeTransport } from '../support/node.js'
import { maskedFrame, RawPeer } from '../support/raw-peer.js'
import { Opcode } from '../support/raw-socket.js'
import { type Case, MESSAGE_BYTES_MAX } from './rfc6455/case.js'
import { ENDINGS } from './rfc6455/endings.js'
import { FRAMING } from './rfc6455/framing.js'
import { TEXTS } from './rfc6455/texts.js'

/** As codes of closes: no close frame came; it had no code. */
const NO_CLOSE_FRAME = CloseCode.NoCloseFrame

interface Owner {
  socket?: Socket
}

/** Messages come back as they were; `messages` counts them. */
function echoServer(name: 'uws' | 'ws'): {
  transport: Transport
  messages: () => number
  closes: () => number
} {
  let messages = 0
  let closes = 0
  const transport = loadTransport(name).create<Owner>(
    {
      upgrade: (request) => {
        const owner: Owner = {}
        owner.socket = request.accept(owner)
      },
      message: ({ socket }, data, isBinary) => {
        messages++
        socket!.send(data, isBinary)
      },
      heard: () => {},
      overShare: (reason) => t.fail(`a client was cut: ${reason}`),
      drained: () => {},
      closed: () => {
        closes++
      },
      unsubscribed: () => {},
    },
    {
      messageBytesMax: MESSAGE_BYTES_MAX,
      backpressureBytesMax: 16 * MESSAGE_BYTES_MAX,
      // Cases are about framing, and are not to be cut for what they cost.
      frameLimits: { framesPerS: 1_000_000, bytesPerS: 1_000_000_000 },
      silenceMsMax: 60_000,
    },
  )
  return { transport, messages: () => messages, closes: () => closes }
}

/** In pieces of so many bytes, each of which leaves by itself. */
async function write({ socket }: RawPeer, { frames, chopBytes }: Case): Promise<void> {
  const pieces = chopBytes === undefined ? frames : inPieces(Buffer.concat(frames), chopBytes)
  for (const piece of pieces) {
    socket.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

/** A frame in a line; undefined = the connection was over instead. */
const plain = (frame: { opcode: number; payload: Buffer } | undefined): string =>
  frame === undefined
    ? 'end'
    : `${frame.opcode} ${frame.payload.length} ${frame.payload.toString('latin1', 0, 200)}`

/** See that what comes back is as expected, and that the connection is then good, closed or failed. */
async function check(t: Test, peer: RawPeer, { answers, expected }: Case): Promise<void> {
  if (expected.ends === 'open') {
    for (const wanted of answers) t.equal(plain(await peer.next()), plain(wanted))
    peer.socket.write(maskedFrame(Opcode.close, Uint8Array.of(0x03, 0xe8)))
  }
  const { frames, closeCode } = await peer.end()
  const others = frames.filter(({ opcode }) => opcode !== Opcode.close).map(plain)
  t.ok(frames.every(({ isFinal, rsv }) => isFinal && rsv === 0))
  switch (expected.ends) {
    case 'open':
      t.same(others, [], 'nothing else was answered')
      t.equal(closeCode, 1000)
      break
    case 'closed':
      t.same(others, answers.map(plain))
      t.ok(expected.codes.includes(closeCode), `closed with ${closeCode}`)
      break
    case 'failed':
      t.same(others, answers.map(plain).slice(0, others.length))
      t.ok(
        [NO_CLOSE_FRAME, CloseCode.NoCode, ...expected.codes].includes(closeCode),
        `failed with ${closeCode}`,
      )
  }
}

for (const name of ['uws', 'ws'] as const) {
  t.test(`transport ${name}`, { skip: name === 'uws' && noNativeTransport }, async (t) => {
    const { transport, messages, closes } = echoServer(name)
    const port = await transport.listen('127.0.0.1', 0)
    t.teardown(() => transport.close())

    const cases = [...FRAMING, ...TEXTS, ...ENDINGS].filter(({ only }) => only === undefined || only === name)
    for (const one of cases) {
      t.test(`${one.id}: ${one.title}`, async (t) => {
        const before = messages()
        const peer = await RawPeer.open(port)
        t.match(peer.head, /^HTTP\/1\.1 101 /)
        await write(peer, one)
        await check(t, peer, one)
        const isData = ({ opcode }: { opcode: number }) => opcode === Opcode.text || opcode === Opcode.binary
        t.equal(messages() - before, one.answers.filter(isData).length, 'messages that were taken')
      })
    }

    t.test('12 and 13: compression and subprotocols that a client offers are not accepted', async (t) => {
      const headers = [
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
        'Sec-WebSocket-Protocol: chat',
      ]
      const peer = await RawPeer.open(port, { headers })
      t.match(peer.head, /^HTTP\/1\.1 101 /)
      t.notMatch(peer.head, /sec-websocket-(extensions|protocol)/i)
      peer.socket.write(maskedFrame(Opcode.text, 'deflated', { rsv: 4 }))
      const { frames, closeCode } = await peer.end()
      t.ok(
        closeCode === CloseCode.NoCloseFrame || closeCode === 1002,
        `a compressed frame failed with ${closeCode}`,
      )
      t.ok(frames.every(({ opcode }) => opcode === Opcode.close))
    })

    t.test('every connection was reported as closed', async (t) => {
      t.equal(closes(), cases.length + 1)
    })
  })
}
