/** Nginx and HAProxy before a gateway. It knows its clients' addresses, and nobody can take another's. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { ProxySettings } from '../../src/doors/websocket/transport/transport.js'
import { readTlsPair } from '../../src/net/tls-files.js'
import { noNativeTransport } from '../support/node.js'
import { makeCertificate } from '../support/own-certificates.js'
import { documentedConfig, startHaproxy, startNginx } from '../support/proxies.js'
import { v1Header, v2Header } from '../support/proxy-headers.js'
import { handshakeText, rawAnswers, rawSocket, statusesOf } from '../support/raw-http.js'
import { behind, TransportBench } from '../support/transport-bench.js'

/** Proxies ask from this one; clients have others of the loopback network. */
const PROXIES = ['127.0.0.1/32']
const CLIENT = '127.0.0.5'
const STRANGER = '127.0.0.6'
const VICTIM = '203.0.113.9'
const LIES: Record<string, string>[] = [
  {},
  { 'X-Forwarded-For': VICTIM },
  { 'X-Forwarded-For': `${VICTIM}, 127.0.0.1` },
  { 'X-Forwarded-For': 'unknown' },
  { 'X-Real-IP': VICTIM },
]

const withTimeouts = (text: string) =>
  `defaults\n  timeout connect 5s\n  timeout client 75s\n  timeout server 75s\n${text}`

for (const name of ['uws', 'ws'] as const) {
  t.test(`addresses behind proxies, ${name}`, { skip: name === 'uws' && noNativeTransport }, async (t) => {
    const setup = async (t: Test, settings: Partial<ProxySettings> = {}): Promise<TransportBench> => {
      const bench = new TransportBench(name, { proxies: behind(PROXIES, settings) })
      bench.port = await bench.transport.listen('127.0.0.1', 0)
      t.teardown(() => bench.transport.close())
      return bench
    }
    /** The address that the gateway sees of a client that comes by this port with these headers; they exchange a word. */
    const seenThrough = async (
      bench: TransportBench,
      port: number,
      headers: Record<string, string> = {},
    ): Promise<string> => {
      const client = new WebSocket(`ws://127.0.0.1:${port}/`, { localAddress: CLIENT, headers })
      client.on('error', () => {})
      const opened = once(client, 'open')
      const { request } = await bench.next('upgrade')
      const socket = request.accept({ id: 1 })!
      await opened
      const heard = once(client, 'message')
      socket.send('hello', false)
      await heard
      client.terminate()
      await bench.next('closed')
      return socket.address
    }
    /** Who does not come by the proxy is itself, whatever it says. */
    const strangerIsItself = async (t: Test, bench: TransportBench) => {
      const lies = [`X-Forwarded-For: ${VICTIM}`, `Forwarded: for=${VICTIM}`]
      const answers = rawAnswers({ port: bench.port, localAddress: STRANGER }, handshakeText('/', ...lies))
      const { request } = await bench.next('upgrade')
      request.refuse(403, 'text/plain', '')
      await answers
      t.equal(request.address, STRANGER)
    }
    const isHealthy = async (t: Test, port: number) => {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`)
      t.equal(response.status, 200)
      t.equal(await response.text(), 'ok\n')
    }

    t.test('nginx as in the documentation', async (t) => {
      const bench = await setup(t, { header: 'x-forwarded-for' })
      const port = await startNginx(t, (own) => documentedConfig('nginx', own, bench.port))
      await isHealthy(t, port)
      for (const lie of [...LIES, { Forwarded: `for=${VICTIM}` }])
        t.equal(await seenThrough(bench, port, lie), CLIENT)
      await strangerIsItself(t, bench)
    })

    t.test('nginx, where the gateway was not told which header it writes', async (t) => {
      const bench = await setup(t)
      const port = await startNginx(t, (own) => documentedConfig('nginx', own, bench.port))
      for (const lie of LIES) t.equal(await seenThrough(bench, port, lie), CLIENT)
      t.equal(
        await seenThrough(bench, port, { Forwarded: `for=${VICTIM}` }),
        '127.0.0.1',
        'the liar is the proxy',
      )
      t.equal(await seenThrough(bench, port, { Forwarded: `for=${CLIENT}` }), CLIENT)
    })

    t.test('nginx that writes Forwarded', async (t) => {
      const bench = await setup(t, { header: 'forwarded' })
      const port = await startNginx(t, (own) =>
        documentedConfig('nginx', own, bench.port).replace(
          /proxy_set_header X-Forwarded-For .*;/,
          'proxy_set_header Forwarded "$http_forwarded, for=\\"$remote_addr:$remote_port\\";proto=$scheme";',
        ),
      )
      for (const lie of [
        ...LIES,
        { Forwarded: `for=${VICTIM}` },
        { Forwarded: `for="[::1]", for=${VICTIM};` },
      ]) {
        t.equal(await seenThrough(bench, port, lie), CLIENT)
      }
      t.equal(await seenThrough(bench, port, { Forwarded: `for="${VICTIM}` }), '127.0.0.1', 'an open quote')
    })

    t.test('HAProxy as in the documentation', async (t) => {
      const bench = await setup(t, { header: 'x-forwarded-for' })
      const port = await startHaproxy(t, (own) => documentedConfig('haproxy', own, bench.port))
      await isHealthy(t, port)
      // It adds a line of its own below the client's.
      for (const lie of [...LIES, { Forwarded: `for=${VICTIM}` }])
        t.equal(await seenThrough(bench, port, lie), CLIENT)
      await strangerIsItself(t, bench)
    })

    t.test('HAProxy before nginx', async (t) => {
      const bench = await setup(t)
      const inner = await startNginx(t, (own) => documentedConfig('nginx', own, bench.port))
      const outer = await startHaproxy(t, (own) => documentedConfig('haproxy', own, inner))
      for (const lie of LIES) t.equal(await seenThrough(bench, outer, lie), CLIENT)
    })

    t.test('HAProxy that passes bytes on, as in the documentation', async (t) => {
      const bench = await setup(t, { protocol: 'v2' })
      const port = await startHaproxy(t, (own) => documentedConfig('haproxy tcp', own, bench.port))
      await isHealthy(t, port)
      for (const lie of [...LIES, { Forwarded: `for=${VICTIM}` }])
        t.equal(await seenThrough(bench, port, lie), CLIENT)
      await strangerIsItself(t, bench)
      const before = bench.count('upgrade')
      // Behind HAProxy's own header, or behind a request, to replace what that said.
      const health = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
      const fake = Buffer.concat([v2Header(VICTIM), Buffer.from(handshakeText())])
      const liar = rawSocket({ port, localAddress: CLIENT })
      liar.write(fake)
      await rawAnswers({ port, localAddress: CLIENT }, Buffer.concat([Buffer.from(health), fake]))
      await rawAnswers({ port, localAddress: CLIENT }, health, fake)
      const direct = await rawAnswers({ port: bench.port, localAddress: STRANGER }, fake)
      t.ok(statusesOf(direct).every((status) => status >= 400))
      t.equal(await seenThrough(bench, port), CLIENT, 'others are served meanwhile')
      t.equal(bench.count('upgrade'), before + 1)
      liar.destroy()
    })

    t.test('HAProxy that passes bytes on, before nginx', async (t) => {
      const bench = await setup(t)
      const inner = await startNginx(t, (own) =>
        documentedConfig('nginx', own, bench.port).replace(
          `127.0.0.1:${own};`,
          `127.0.0.1:${own} proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;`,
        ),
      )
      const outer = await startHaproxy(t, (own) =>
        documentedConfig('haproxy tcp', own, inner)
          .replace('option httpchk', '')
          .replace(/http-check .*/, '')
          .replace('send-proxy-v2', 'send-proxy'),
      )
      for (const lie of LIES) t.equal(await seenThrough(bench, outer, lie), CLIENT)
    })

    t.test('nginx before HAProxy that passes bytes on', async (t) => {
      const bench = await setup(t, { protocol: 'v2' })
      const inner = await startHaproxy(t, (own) => documentedConfig('haproxy tcp', own, bench.port))
      const outer = await startNginx(t, (own) => documentedConfig('nginx', own, inner))
      for (const lie of LIES) t.equal(await seenThrough(bench, outer, lie), CLIENT)
    })
  })
}

t.test('HAProxy with the PROXY protocol v1, to the transport that takes it', async (t) => {
  const bench = new TransportBench('ws', { proxies: behind(PROXIES, { protocol: 'v1' }) })
  bench.port = await bench.transport.listen('127.0.0.1', 0)
  t.teardown(() => bench.transport.close())
  const port = await startHaproxy(t, (own) =>
    withTimeouts(
      `listen x\n  mode tcp\n  bind 127.0.0.1:${own}\n  server a 127.0.0.1:${bench.port} send-proxy`,
    ),
  )
  bench.onUpgrade = (request) => request.refuse(403, 'text/plain', request.address)
  const lie = handshakeText('/', `X-Forwarded-For: ${VICTIM}`)
  t.match(await rawAnswers({ port, localAddress: CLIENT }, lie), new RegExp(`\r\n\r\n${CLIENT}$`))
  const fake = Buffer.concat([v1Header(VICTIM), Buffer.from(handshakeText())])
  t.notMatch(await rawAnswers({ port, localAddress: CLIENT }, fake), VICTIM, "behind HAProxy's own header")
  t.notMatch(await rawAnswers({ port: bench.port, localAddress: STRANGER }, fake), VICTIM, 'from a stranger')
})

t.test('HAProxy that passes TLS on, to the transport that reads the PROXY protocol before it', async (t) => {
  const certificate = makeCertificate('gateway')
  for (const [protocol, word] of [
    ['v1', 'send-proxy'],
    ['v2', 'send-proxy-v2'],
  ] as const) {
    const tls = await readTlsPair(certificate)
    const bench = new TransportBench('ws', { tls, proxies: behind(PROXIES, { protocol }) })
    bench.port = await bench.transport.listen('127.0.0.1', 0)
    t.teardown(() => bench.transport.close())
    const port = await startHaproxy(t, (own) =>
      withTimeouts(
        `listen x\n  mode tcp\n  bind 127.0.0.1:${own}\n  server a 127.0.0.1:${bench.port} ${word}`,
      ),
    )
    const client = connect({ port, host: '127.0.0.1', localAddress: CLIENT, ca: certificate.cert } as object)
    client.write(handshakeText())
    const { request } = await bench.next('upgrade')
    t.equal(request.address, CLIENT, protocol)
    client.destroy()
  }
})
