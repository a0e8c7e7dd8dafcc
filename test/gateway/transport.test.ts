import { once } from 'node:events'
import type { Socket as TcpSocket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { assertPortFree } from '../../src/doors/websocket/transport/port-check.js'
import type { Socket } from '../../src/doors/websocket/transport/transport.js'
import { CloseCode } from '../../src/openim/close-codes.js'
import { noNativeTransport } from '../support/node.js'
import { handshakeText, rawSocket } from '../support/raw-http.js'
import {
  BACKPRESSURE_BYTES_MAX,
  FRAMES_PER_S,
  MESSAGE_BYTES_MAX,
  TransportBench,
} from '../support/transport-bench.js'

/** Texts of the next `count` frames, in order of arrival. */
function frames(client: WebSocket, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const texts: string[] = []
    const onMessage = (data: Buffer): void => {
      texts.push(data.toString())
      if (texts.length < count) return
      client.off('message', onMessage)
      resolve(texts)
    }
    client.on('message', onMessage)
  })
}

function closeOf(client: WebSocket): Promise<{ code: number; reason: string }> {
  client.on('error', () => {})
  return new Promise((resolve) => {
    client.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
}

/** When the other end has cut the connection: a peer that does not read finds out by writing. */
async function cutOf(tcp: TcpSocket): Promise<void> {
  const emptyPing = Buffer.from([0x89, 0x80, 0, 0, 0, 0])
  const probe = setInterval(() => tcp.write(emptyPing), 50)
  await new Promise((resolve) => tcp.once('close', resolve))
  clearInterval(probe)
}

/** A peer that has done the handshake and then reads nothing. */
async function deafPeer(port: number): Promise<TcpSocket> {
  const tcp = rawSocket({ port })
  tcp.write(handshakeText())
  await once(tcp, 'connect')
  tcp.pause()
  return tcp
}

for (const name of ['uws', 'ws'] as const) {
  t.test(`transport ${name}`, { skip: name === 'uws' && noNativeTransport }, async (t) => {
    const setup = async (t: Test): Promise<TransportBench> => {
      const bench = new TransportBench(name)
      bench.port = await bench.transport.listen('127.0.0.1', 0)
      t.teardown(() => bench.transport.close())
      return bench
    }

    t.test('a handshake shows its query, address and headers, and waits for its verdict', async (t) => {
      const bench = await setup(t)
      const client = new WebSocket(`ws://127.0.0.1:${bench.port}/any/path?a=1&b=%20x`, {
        headers: { Compression: 'gzip', Origin: 'https://example.org' },
      })
      const { request } = await bench.next('upgrade')
      t.equal(request.query, 'a=1&b=%20x')
      t.equal(request.address, '127.0.0.1')
      t.equal(request.header('compression'), 'gzip')
      t.equal(request.header('origin'), 'https://example.org')
      t.equal(request.header('x-forwarded-for'), '')
      t.equal(client.readyState, WebSocket.CONNECTING)
      const owner = { id: 1 }
      const socket = request.accept(owner)
      t.equal(socket?.address, '127.0.0.1')
      await once(client, 'open')
      t.equal(client.protocol, '')
      t.equal(client.extensions, '')
    })

    t.test('a handshake without a query has an empty one', async (t) => {
      const bench = await setup(t)
      bench.client('/')
      t.equal((await bench.next('upgrade')).request.query, '')
    })

    t.test('a refused handshake is answered over HTTP', async (t) => {
      const bench = await setup(t)
      const client = bench.client()
      const answered = once(client, 'unexpected-response')
      const { request } = await bench.next('upgrade')
      request.refuse(200, 'application/json; charset=utf-8', '{"errCode":1602}')
      const [, response] = (await answered) as [
        unknown,
        NodeJS.ReadableStream & { statusCode: number; headers: object },
      ]
      let body = ''
      for await (const chunk of response) body += String(chunk)
      t.equal(response.statusCode, 200)
      t.match(response.headers, { 'content-type': 'application/json; charset=utf-8' })
      t.equal(body, '{"errCode":1602}')
      t.equal(bench.count('closed'), 0)
    })

    t.test('a verdict for a peer that has gone does nothing', async (t) => {
      const bench = await setup(t)
      const tcp = await deafPeer(bench.port)
      const { request } = await bench.next('upgrade')
      tcp.resetAndDestroy()
      // Another connection's handshake comes after the loss of the first was noticed.
      const { client } = await bench.pair()
      t.equal(request.accept({ id: 1 }), undefined)
      request.refuse(200, 'text/plain', '')
      client.terminate()
      await bench.next('closed')
      t.equal(bench.count('closed'), 1)
    })

    t.test('a request that is no handshake gets 426', async (t) => {
      const bench = await setup(t)
      for (const method of ['GET', 'POST']) {
        const response = await fetch(`http://127.0.0.1:${bench.port}/x`, { method })
        t.equal(response.status, 426)
        t.match(await response.text(), /WebSocket/)
      }
      t.equal(bench.count('upgrade'), 0)
    })

    t.test("messages arrive in order, as text or binary, and are the receiver's to keep", async (t) => {
      const bench = await setup(t)
      const { client, owner } = await bench.pair(7)
      client.send('text ä')
      client.send(Buffer.from([1, 2, 3]))
      client.send(Buffer.alloc(MESSAGE_BYTES_MAX, 9))
      const first = await bench.next('message')
      const second = await bench.next('message')
      const third = await bench.next('message')
      t.equal(first.owner, owner)
      t.equal(Buffer.from(first.data).toString(), 'text ä')
      t.equal(first.isBinary, false)
      t.same([...second.data], [1, 2, 3])
      t.equal(second.isBinary, true)
      t.equal(third.data.length, MESSAGE_BYTES_MAX)
      t.ok(third.data.every((byte) => byte === 9))
    })

    t.test('a ping is answered with its payload and heard, a pong is heard', async (t) => {
      const bench = await setup(t)
      const { client, socket, owner } = await bench.pair()
      client.ping('operation-1')
      const [payload] = (await once(client, 'pong')) as [Buffer]
      t.equal(payload.toString(), 'operation-1')
      t.equal((await bench.next('heard')).owner, owner)
      const pinged = once(client, 'ping')
      socket.ping()
      t.equal(((await pinged) as [Buffer])[0].length, 0)
      t.equal((await bench.next('heard')).owner, owner)
    })

    t.test('what is published and what is sent arrives in that order', async (t) => {
      const bench = await setup(t)
      const { client, socket } = await bench.pair()
      const big = 'B'.repeat(100_000)
      socket.subscribe('u')
      const run = (): void => {
        bench.transport.publish('u', Buffer.from('1'))
        socket.send(Buffer.from('2'), true)
        bench.transport.publish('u', Buffer.from('3'))
        bench.transport.publish('u', Buffer.from(big))
        socket.send(Buffer.from('4'), true)
        socket.send(big, false)
        bench.transport.publish('u', Buffer.from('5'))
      }
      const expected = ['1', '2', '3', big, '4', big, '5']
      let received = frames(client, expected.length)
      run()
      t.same(await received, expected, 'from outside any callback')
      bench.onMessage = run
      received = frames(client, expected.length)
      client.send('go')
      t.same(await received, expected, 'from inside the message callback')
    })

    t.test('a subscriber gets what is published from then on, and nothing after it left', async (t) => {
      const bench = await setup(t)
      const a = await bench.pair(1)
      const b = await bench.pair(2)
      bench.transport.publish('u', Buffer.from('before'))
      t.equal(a.socket.subscribe('u'), true)
      t.equal(a.socket.subscribe('u'), false, 'again')
      t.equal(a.socket.isSubscribed('u'), true)
      t.equal(b.socket.isSubscribed('u'), false)
      b.socket.subscribe('u')
      t.equal(bench.transport.subscriberCount('u'), 2)
      const both = Promise.all([frames(a.client, 1), frames(b.client, 2)])
      bench.transport.publish('u', Buffer.from('one'))
      t.equal(a.socket.unsubscribe('u'), true)
      t.equal(a.socket.unsubscribe('u'), false, 'again')
      bench.transport.publish('u', Buffer.from('two'))
      t.same(await both, [['one'], ['one', 'two']])
      const last = frames(a.client, 1)
      a.socket.send('last', false)
      t.same(await last, ['last'])
      t.equal(bench.transport.subscriberCount('u'), 1)
      t.match(await bench.next('unsubscribed'), { topic: 'u', remaining: 1 })
    })

    t.test('the topics of a socket that closes report who remains, before its close', async (t) => {
      const bench = await setup(t)
      const a = await bench.pair(1)
      const b = await bench.pair(2)
      for (const topic of ['u', 'v']) {
        a.socket.subscribe(topic)
        b.socket.subscribe(topic)
      }
      for (const [peer, remaining] of [
        [a, 1],
        [b, 0],
      ] as const) {
        peer.client.terminate()
        await bench.next('closed')
        const left = [await bench.next('unsubscribed'), await bench.next('unsubscribed')]
        t.same(left.map((event) => event.topic).sort(), ['u', 'v'])
        t.same(
          left.map((event) => event.remaining),
          [remaining, remaining],
        )
        t.equal(bench.transport.subscriberCount('u'), remaining)
      }
      t.same(
        bench.events.slice(-3).map((event) => event.kind),
        ['unsubscribed', 'unsubscribed', 'closed'],
      )
    })

    t.test('a close frame from the peer is clean, a broken connection is not', async (t) => {
      const bench = await setup(t)
      const cases = [
        { leave: (c: WebSocket) => c.close(4001, 'bye'), code: 4001, clean: true },
        { leave: (c: WebSocket) => c.close(), code: CloseCode.NoCode, clean: true },
        { leave: (c: WebSocket) => c.terminate(), code: CloseCode.NoCloseFrame, clean: false },
      ]
      for (const { leave, code, clean } of cases) {
        const { client, owner, socket } = await bench.pair()
        leave(client)
        t.match(await bench.next('closed'), { owner, code, clean })
        t.equal(socket.send('x', false), 'dropped')
        t.equal(socket.subscribe('u'), false)
        t.equal(socket.bufferedBytes(), 0)
        socket.ping()
        socket.end(1000, '')
        socket.drop()
      }
      t.equal(bench.count('closed'), cases.length)
    })

    t.test('end lets what was sent leave, then a close frame', async (t) => {
      const bench = await setup(t)
      const big = 'x'.repeat(200_000)
      for (const where of ['outside', 'in a message callback']) {
        const { client, socket, owner } = await bench.pair()
        const received = frames(client, 3)
        const closed = closeOf(client)
        socket.subscribe('u')
        const run = (): void => {
          bench.transport.publish('u', Buffer.from('published'))
          socket.send('sent', false)
          socket.send(big, false)
          socket.end(4002, 'enough')
          t.equal(socket.send('late', false), 'dropped')
        }
        if (where === 'outside') run()
        else {
          bench.onMessage = run
          client.send('go')
        }
        t.same(await received, ['published', 'sent', big], where)
        t.same(await closed, { code: 4002, reason: 'enough' }, where)
        t.match(await bench.next('closed'), { owner, code: 4002, clean: false })
      }
      t.equal(bench.count('closed'), 2)
    })

    t.test('drop lets what was sent leave, then closes without a close frame', async (t) => {
      const bench = await setup(t)
      const big = 'x'.repeat(200_000)
      for (const where of ['outside', 'in a message callback']) {
        const { client, socket, owner } = await bench.pair()
        const received = frames(client, 2)
        const closed = closeOf(client)
        socket.subscribe('u')
        const run = (): void => {
          bench.transport.publish('u', Buffer.from('published'))
          socket.send(big, false)
          socket.drop()
          t.equal(socket.send('late', false), 'dropped')
        }
        if (where === 'outside') run()
        else {
          bench.onMessage = run
          client.send('go')
        }
        t.same(await received, ['published', big], where)
        t.same(await closed, { code: CloseCode.NoCloseFrame, reason: '' }, where)
        t.match(await bench.next('closed'), { owner, code: CloseCode.NoCloseFrame, clean: false })
      }
      t.equal(bench.count('closed'), 2)
    })

    t.test('no message is handed over after end or drop', async (t) => {
      const bench = await setup(t)
      for (const leave of [(s: Socket) => s.end(1000, ''), (s: Socket) => s.drop()]) {
        const { client, socket } = await bench.pair()
        bench.onMessage = () => leave(socket)
        client.send('one')
        client.send('two')
        client.send('three')
        await bench.next('closed')
      }
      t.equal(bench.count('message'), 2)
    })

    t.test('a message over the limit closes with 1009', async (t) => {
      const bench = await setup(t)
      const { client, owner } = await bench.pair()
      const closed = closeOf(client)
      client.send(Buffer.alloc(MESSAGE_BYTES_MAX + 1))
      t.match(await closed, { code: CloseCode.MessageTooLong })
      t.match(await bench.next('closed'), { owner, code: CloseCode.MessageTooLong, clean: false })
      t.equal(bench.count('message'), 0)
    })

    t.test('a message far over the limit, and a broken frame, end the connection', async (t) => {
      const bench = await setup(t)
      const { client } = await bench.pair()
      client.send(Buffer.alloc(MESSAGE_BYTES_MAX * 10))
      t.match(await bench.next('closed'), { code: CloseCode.NoCloseFrame, clean: false })
      const tcp = await deafPeer(bench.port)
      t.ok((await bench.next('upgrade')).request.accept({ id: 1 }))
      tcp.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]))
      t.match(await bench.next('closed'), { clean: false })
      t.equal(bench.count('closed'), 2)
      tcp.destroy()
    })

    // A fire hose of such frames held up all other sockets of the thread, for as long as it lasted.
    const hoses: [string, Buffer, 'frames' | 'bytes'][] = [
      ['empty pings', Buffer.from([0x89, 0x80, 0, 0, 0, 0]), 'frames'],
      ['empty pongs', Buffer.from([0x8a, 0x80, 0, 0, 0, 0]), 'frames'],
      ['empty text frames', Buffer.from([0x81, 0x80, 0, 0, 0, 0]), 'frames'],
      ['empty binary frames', Buffer.from([0x82, 0x80, 0, 0, 0, 0]), 'frames'],
      ['long pings', Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125)]), 'bytes'],
      [
        'long messages',
        Buffer.concat([Buffer.from([0x82, 0xfe, 3, 0xe8, 0, 0, 0, 0]), Buffer.alloc(1_000)]),
        'bytes',
      ],
    ]
    for (const [what, frame, reason] of hoses) {
      t.test(`${what} as fast as they come cut their socket at once, and no other`, async (t) => {
        const bench = await setup(t)
        const { client, owner: bystander } = await bench.pair(1)
        const tcp = await deafPeer(bench.port)
        const owner = { id: 2 }
        t.ok((await bench.next('upgrade')).request.accept(owner))
        const cut = new Promise((resolve) => tcp.once('close', resolve))
        const hose = Buffer.concat(Array<Buffer>(3_000).fill(frame))
        const write = () => {
          if (!tcp.destroyed) tcp.write(hose, () => setImmediate(write))
        }
        write()
        t.match(await bench.next('closed'), { owner, code: CloseCode.PolicyViolation, clean: false })
        t.match(await bench.next('overShare'), { reason })
        tcp.resume()
        await cut
        client.ping()
        await once(client, 'pong')
        t.equal(client.readyState, WebSocket.OPEN)
        t.equal(bench.count('overShare'), 1, 'counted once')
        const heard = bench.count('heard') + bench.count('message')
        // The second of the clock may turn meanwhile.
        t.ok(heard <= 2 * FRAMES_PER_S + 1, `${heard} frames were handed over`)
        t.equal(bystander.id, 1)
      })
    }

    t.test('a socket that is told to go, and goes on sending, is cut all the same', async (t) => {
      const bench = await setup(t)
      const tcp = await deafPeer(bench.port)
      const socket = (await bench.next('upgrade')).request.accept({ id: 1 })!
      while (socket.send(Buffer.alloc(50_000), true) === 'sent');
      socket.end(CloseCode.GoingAway, 'the node goes away')
      const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0])
      tcp.write(Buffer.concat(Array<Buffer>(3 * FRAMES_PER_S).fill(ping)))
      t.match(await bench.next('closed'), { code: CloseCode.GoingAway, clean: false })
      t.match(await bench.next('overShare'), { reason: 'frames' })
      tcp.destroy()
    })

    t.test('a peer that keeps its TCP connection after the close frame is cut', async (t) => {
      const bench = await setup(t)
      const tcp = await deafPeer(bench.port)
      const socket = (await bench.next('upgrade')).request.accept({ id: 1 })!
      tcp.resume()
      const cut = new Promise((resolve) => tcp.once('close', resolve))
      socket.end(CloseCode.PolicyViolation, 'enough')
      await bench.next('closed')
      await cut
      t.equal(bench.count('closed'), 1)
    })

    t.test('a peer that reads slowly is buffered, and reported once it has drained', async (t) => {
      const bench = await setup(t)
      const tcp = await deafPeer(bench.port)
      const owner = { id: 3 }
      const socket = (await bench.next('upgrade')).request.accept(owner)!
      const piece = Buffer.alloc(50_000)
      let sent = 0
      while (socket.send(piece, true) === 'sent') sent++
      t.ok(socket.bufferedBytes() > 0, `after ${sent} pieces`)
      t.ok(socket.bufferedBytes() <= BACKPRESSURE_BYTES_MAX)
      t.equal(bench.count('drained'), 0)
      tcp.resume()
      t.equal((await bench.next('drained')).owner, owner)
      t.equal(socket.bufferedBytes(), 0)
      tcp.destroy()
      await bench.next('closed')
    })

    for (const how of ['send', 'publish'] as const) {
      t.test(`a peer that does not read at all is closed when ${how} passes the limit`, async (t) => {
        const bench = await setup(t)
        const tcp = await deafPeer(bench.port)
        const owner = { id: 3 }
        const socket = (await bench.next('upgrade')).request.accept(owner)!
        const healthy = await bench.pair()
        for (const s of [socket, healthy.socket]) s.subscribe('u')
        const piece = Buffer.alloc(100_000)
        let peak = 0
        // The kernel takes some megabytes for the peer before anything is buffered here.
        for (let i = 0; i < 500 && bench.count('closed') === 0; i++) {
          if (how === 'send') socket.send(piece, true)
          else bench.transport.publish('u', piece)
          t.equal(bench.count('closed'), 0, 'never inside a call')
          peak = Math.max(peak, socket.bufferedBytes())
          await new Promise((resolve) => setImmediate(resolve))
        }
        t.match(await bench.next('closed'), { owner, code: CloseCode.TryAgainLater, clean: false })
        t.ok(peak <= BACKPRESSURE_BYTES_MAX + piece.length, `at most ${peak} bytes were buffered`)
        t.equal(bench.transport.subscriberCount('u'), 1)
        const received = frames(healthy.client, 1)
        healthy.socket.send('still here', false)
        await received
        tcp.destroy()
      })
    }

    t.test('end and drop of a peer that does not read cut it within seconds', async (t) => {
      const bench = await setup(t)
      const leave = async (how: (socket: Socket) => void): Promise<void> => {
        const tcp = await deafPeer(bench.port)
        const socket = (await bench.next('upgrade')).request.accept({ id: 1 })!
        while (socket.send(Buffer.alloc(50_000), true) === 'sent');
        t.ok(socket.bufferedBytes() > 0)
        how(socket)
        await cutOf(tcp)
      }
      await Promise.all([leave((socket) => socket.end(1000, 'x')), leave((socket) => socket.drop())])
      t.equal(bench.count('closed'), 2)
    })

    t.test('drop and end of a slow peer that reads on lose nothing', async (t) => {
      const bench = await setup(t)
      for (const leave of [(s: Socket) => s.end(1000, ''), (s: Socket) => s.drop()]) {
        const tcp = await deafPeer(bench.port)
        const socket = (await bench.next('upgrade')).request.accept({ id: 1 })!
        const piece = Buffer.alloc(50_000, 1)
        let sent = 1
        while (socket.send(piece, true) === 'sent') sent++
        leave(socket)
        let received = 0
        tcp.on('data', (data: Buffer) => {
          received += data.reduce((sum, byte) => (byte === 1 ? sum + 1 : sum), 0)
        })
        await new Promise((resolve) => tcp.once('close', resolve).resume())
        t.equal(received, sent * piece.length)
      }
    })

    t.test('stopListening keeps open sockets and takes no more', async (t) => {
      const bench = await setup(t)
      const { client, socket } = await bench.pair()
      bench.transport.stopListening()
      const late = bench.client()
      await once(late, 'error')
      const received = frames(client, 1)
      socket.send('still here', false)
      t.same(await received, ['still here'])
      bench.transport.stopListening()
    })

    t.test('close drops every socket and reports each once', async (t) => {
      const bench = await setup(t)
      const clients = [await bench.pair(1), await bench.pair(2)]
      const waiting = bench.client()
      await bench.next('upgrade')
      const gone = Promise.all([...clients.map(({ client }) => client), waiting].map(closeOf))
      bench.transport.close()
      t.equal(bench.count('closed'), 2)
      await gone
      bench.transport.close()
      t.equal(bench.count('closed'), 2)
    })

    t.test('a port that another program has is a clear error', async (t) => {
      const bench = await setup(t)
      await t.rejects(assertPortFree('127.0.0.1', bench.port), {
        code: 'BAD_SETTING',
        message: `cannot listen on 127.0.0.1:${bench.port}: another program listens there (EADDRINUSE)`,
      })
      await t.resolves(assertPortFree('127.0.0.1', 0))
      const other = new TransportBench(name)
      t.teardown(() => other.transport.close())
      await t.rejects(other.transport.listen('192.0.2.1', 0), {
        code: 'BAD_SETTING',
        message: /EADDRNOTAVAIL/,
      })
      if (name === 'uws') t.equal(await other.transport.listen('127.0.0.1', bench.port), bench.port, 'shared')
      else await t.rejects(other.transport.listen('127.0.0.1', bench.port), { message: /EADDRINUSE/ })
    })
  })
}
