/** The light socket against a server that writes bytes as the test says. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { LightSocket, type SocketEnd, type Target } from '../../src/sdk/light-socket.js'
import { eventually } from '../support/eventually.js'

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'

class Recorder extends LightSocket {
  readonly frames: { length: number; payload: string | undefined; isText: boolean }[] = []
  end: SocketEnd | undefined

  constructor(target: Target, reads: boolean, timeoutMs?: number) {
    super(target, '/', timeoutMs)
    this.readsPayloads = reads
  }

  protected override onUpgraded(): void {}

  protected override onFrame(length: number, payload: Buffer | undefined, isText: boolean): void {
    this.frames.push({ length, payload: payload?.toString('latin1').slice(0, 5), isText })
  }

  protected override onEnded(end: SocketEnd): void {
    this.end = end
  }
}

/** A server for one client. Returns what the client has sent after its request, and how to send it bytes. */
async function accept(t: Test, reads: boolean, timeoutMs?: number, protocol?: string) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as AddressInfo
  const client = new Recorder({ host: '127.0.0.1', port, ...(protocol && { protocol }) }, reads, timeoutMs)
  const [socket] = await accepted
  socket.setNoDelay(true)
  socket.on('error', () => {})
  const request = String((await once(socket, 'data'))[0])
  let heard = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    heard = Buffer.concat([heard, chunk])
  })
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  return { client, socket, request, heard: () => heard }
}

function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, length]), payload])
  const header = Buffer.alloc(length < 65_536 ? 4 : 10)
  header[0] = 0x80 | opcode
  header[1] = length < 65_536 ? 126 : 127
  header.writeUIntBE(length, header.length - (length < 65_536 ? 2 : 4), length < 65_536 ? 2 : 4)
  return Buffer.concat([header, payload])
}

const FRAMES = Buffer.concat([
  frame(1, Buffer.from('hello')),
  frame(2, Buffer.alloc(0)),
  frame(2, Buffer.alloc(300, 'a')),
  frame(9, Buffer.from('tick')),
  frame(2, Buffer.alloc(70_000, 'b')),
  frame(10, Buffer.from('tock')),
  frame(2, Buffer.alloc(125, 'c')),
])
const LENGTHS = [5, 0, 300, 70_000, 125]

t.test('frames are counted, and read when wanted, however the bytes come', async (t) => {
  for (const reads of [true, false]) {
    for (const step of [1, 7, 1_000_000]) {
      const { client, socket, request, heard } = await accept(t, reads)
      t.match(request, /^GET \/ HTTP\/1.1\r\nHost: 127.0.0.1:\d+\r\nUpgrade: websocket\r\n/)
      const bytes = Buffer.concat([Buffer.from(SWITCHING), FRAMES])
      // One by one up to the long one; its inside tells nothing more.
      const near = Math.min(bytes.length, SWITCHING.length + 400)
      for (let at = 0; at < near; at += step) {
        socket.write(bytes.subarray(at, Math.min(at + step, near)))
        if (step === 1) await new Promise((resolve) => setImmediate(resolve))
      }
      socket.write(bytes.subarray(near))
      await eventually(() => client.frames.length === LENGTHS.length || undefined)
      t.same(
        client.frames.map(({ length }) => length),
        LENGTHS,
      )
      t.same(
        client.frames.map(({ isText }) => isText),
        [true, false, false, false, false],
      )
      t.equal(client.frames[0]!.payload, reads ? 'hello' : undefined)
      t.equal(client.frames[3]!.payload, reads ? 'bbbbb' : undefined)
      // Masked with zeros, and the pong has the payload of the ping.
      await eventually(() => heard().length >= 10 || undefined)
      t.same(heard(), Buffer.from([0x8a, 0x84, 0, 0, 0, 0, ...Buffer.from('tick')]))
      client.breakOff()
      await eventually(() => client.end)
    }
  }
})

t.test('why a socket ended is told: a close code, a refusal with its body, a break, a timeout', async (t) => {
  const closed = await accept(t, false)
  closed.socket.write(
    Buffer.concat([Buffer.from(SWITCHING), frame(8, Buffer.from([0x03, 0xe9])), frame(2, Buffer.alloc(3))]),
  )
  const end = await eventually(() => closed.client.end)
  t.same([end.isUpgraded, end.closeCode], [true, CloseCode.GoingAway])

  const refused = await accept(t, false)
  refused.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno')
  refused.socket.write('pe')
  const refusal = await eventually(() => refused.client.end)
  t.equal(refusal.isUpgraded, false)
  t.match(refusal.answer, /\r\n\r\nnope$/)

  const broken = await accept(t, false)
  broken.socket.write(SWITCHING)
  broken.socket.resetAndDestroy()
  t.equal((await eventually(() => broken.client.end)).closeCode, undefined)

  const slow = await accept(t, false, 50)
  t.equal((await eventually(() => slow.client.end)).error, 'TIMEOUT')
})

t.test('what is sent is a masked frame, binary or text, short or long', async (t) => {
  const { client, socket, heard } = await accept(t, false)
  socket.write(Buffer.concat([Buffer.from(SWITCHING), frame(1, Buffer.from('x'))]))
  await eventually(() => client.frames.length === 1 || undefined)
  client.send(Buffer.from('short'))
  client.send(Buffer.alloc(300, 'l'))
  client.sendText('text')
  client.goodbye()
  const expected = Buffer.concat([
    Buffer.from([0x82, 0x85, 0, 0, 0, 0, ...Buffer.from('short')]),
    Buffer.from([0x82, 0xfe, 0x01, 0x2c, 0, 0, 0, 0]),
    Buffer.alloc(300, 'l'),
    Buffer.from([0x81, 0x84, 0, 0, 0, 0, ...Buffer.from('text')]),
    Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]),
  ])
  await eventually(() => heard().length >= expected.length || undefined)
  t.same(heard(), expected)
})

t.test('a subprotocol is asked for where there is one', async (t) => {
  const [plain, xmpp] = [await accept(t, false), await accept(t, false, 0, 'xmpp')]
  t.notMatch(plain.request, /Sec-WebSocket-Protocol/)
  t.match(xmpp.request, /\r\nSec-WebSocket-Protocol: xmpp\r\n(.*\r\n)*\r\n$/)
})
