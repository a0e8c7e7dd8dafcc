/** TLS of its own on the WebSocket port, with a certificate that is replaced while connections are open. */

import { once } from 'node:events'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { Socket } from '../../src/doors/websocket/transport/transport.js'
import { codeOf } from '../../src/errors/errors.js'
import { readTlsPair } from '../../src/net/tls-files.js'
import { noNativeTransport } from '../support/node.js'
import { type Certificate, makeCertificate } from '../support/own-certificates.js'
import { v1Header, v2Header } from '../support/proxy-headers.js'
import { rawSocket } from '../support/raw-http.js'
import { behind, TransportBench } from '../support/transport-bench.js'

const old = makeCertificate('old')
const renewed = makeCertificate('renewed')
const other = makeCertificate('other')

/** The name in the certificate that a new connection is shown, or why there is none. */
async function shownTo(port: number, options: object = {}): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  try {
    await once(socket, 'secureConnect')
    return String(socket.getPeerCertificate().subject.CN)
  } catch (error) {
    return String(codeOf(error))
  } finally {
    socket.destroy()
  }
}

async function pair(
  bench: TransportBench,
  { cert }: Certificate,
  id: number,
): Promise<{ client: WebSocket; socket: Socket; hears: () => Promise<string> }> {
  const client = new WebSocket(`wss://127.0.0.1:${bench.port}`, { ca: cert })
  client.on('error', () => {})
  const opened = once(client, 'open')
  const { request } = await bench.next('upgrade')
  const socket = request.accept({ id })!
  await opened
  return { client, socket, hears: async () => String((await once(client, 'message'))[0]) }
}

for (const name of ['uws', 'ws'] as const) {
  t.test(`TLS, ${name}`, { skip: name === 'uws' && noNativeTransport }, async (t) => {
    const setup = async (t: Test): Promise<TransportBench> => {
      const bench = new TransportBench(name, { tls: await readTlsPair(old) })
      bench.port = await bench.transport.listen('127.0.0.1', 0)
      t.teardown(() => bench.transport.close())
      return bench
    }

    t.test('clients that trust the certificate connect, and health checks are answered', async (t) => {
      const bench = await setup(t)
      const { client, socket, hears } = await pair(bench, old, 1)
      t.equal(socket.address, '127.0.0.1')
      const heard = hears()
      client.send('to the server')
      socket.send('to the client', false)
      t.equal(Buffer.from((await bench.next('message')).data).toString(), 'to the server')
      t.equal(await heard, 'to the client')
      const health = connect({ port: bench.port, host: '127.0.0.1', ca: old.cert })
      health.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
      t.match(String((await once(health, 'data'))[0]), /^HTTP\/1\.1 200 /)
    })

    t.test('old versions of TLS, and none at all, are not spoken', async (t) => {
      const bench = await setup(t)
      t.equal(await shownTo(bench.port, { maxVersion: 'TLSv1.2' }), 'old')
      const ancient = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
      t.match(await shownTo(bench.port, ancient), /^ERR_SSL|ECONNRESET/)
      const plain = new WebSocket(`ws://127.0.0.1:${bench.port}`)
      await once(plain, 'error')
      t.equal(bench.count('upgrade'), 0)
    })

    t.test(
      'a new certificate is for new connections, and open ones live on with all that they had',
      async (t) => {
        const bench = await setup(t)
        const { transport } = bench
        const before = await pair(bench, old, 1)
        before.socket.subscribe('u')
        transport.useTls(await readTlsPair(renewed))
        t.equal(await shownTo(bench.port), 'renewed')
        t.equal(await shownTo(bench.port, { servername: 'any.example' }), 'renewed')
        const after = await pair(bench, renewed, 2)
        after.socket.subscribe('u')
        transport.useTls(await readTlsPair(other))
        transport.useTls(await readTlsPair(renewed))
        const last = await pair(bench, renewed, 3)
        last.socket.subscribe('u')
        t.equal(transport.subscriberCount('u'), 3)
        const all = Promise.all([before.hears(), after.hears(), last.hears()])
        transport.publish('u', Buffer.from('news'))
        t.same(await all, ['news', 'news', 'news'])
        const heard = before.hears()
        before.socket.send('still here', false)
        t.equal(await heard, 'still here')
        before.socket.unsubscribe('u')
        t.match(await bench.next('unsubscribed'), { topic: 'u', remaining: 2 })
        after.client.terminate()
        t.match(await bench.next('closed'), { owner: { id: 2 } })
        t.match(await bench.next('unsubscribed'), { topic: 'u', remaining: 1 })
        transport.useTls(await readTlsPair(old))
        t.equal(await shownTo(bench.port), 'old')
        t.equal(transport.subscriberCount('u'), 1)
        transport.close()
        t.equal(bench.count('closed'), 3, 'close drops those of every certificate')
      },
    )

    t.test('a certificate that does not serve is refused, and the one in use stays', async (t) => {
      const bench = await setup(t)
      const { client } = await pair(bench, old, 1)
      const broken = { ...(await readTlsPair(renewed)), key: old.cert, keyPath: old.certPath }
      t.throws(() => bench.transport.useTls(broken))
      t.equal(await shownTo(bench.port), 'old')
      t.equal(client.readyState, WebSocket.OPEN)
    })

    t.test(
      'a transport that has stopped listening does not listen again for a new certificate',
      async (t) => {
        const bench = await setup(t)
        const { socket, hears } = await pair(bench, old, 1)
        bench.transport.stopListening()
        bench.transport.useTls(await readTlsPair(renewed))
        t.match(await shownTo(bench.port), /ECONNREFUSED|ECONNRESET/)
        const heard = hears()
        socket.send('still here', false)
        t.equal(await heard, 'still here')
      },
    )
  })
}

for (const [protocol, headerFor] of [
  ['v1', v1Header],
  ['v2', v2Header],
] as const) {
  t.test(`ws reads the PROXY protocol ${protocol} before TLS`, async (t) => {
    const bench = new TransportBench('ws', {
      tls: await readTlsPair(old),
      proxies: behind(['127.0.0.1/32'], { protocol }),
    })
    bench.port = await bench.transport.listen('127.0.0.1', 0)
    t.teardown(() => bench.transport.close())
    const client = new WebSocket('wss://localhost', {
      ca: old.cert,
      createConnection: () => {
        const tcp = rawSocket(bench)
        tcp.write(headerFor('198.51.100.7'))
        return connect({ socket: tcp, ca: old.cert, servername: 'localhost' })
      },
    })
    client.on('error', () => {})
    const { request } = await bench.next('upgrade')
    t.equal(request.address, '198.51.100.7')
    t.ok(request.accept({ id: 1 }))
    await once(client, 'open')
    client.send('hello')
    t.equal(Buffer.from((await bench.next('message')).data).toString(), 'hello')
  })
}
