/** The health listener by itself: what it answers, and that nobody keeps others from an answer. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type HealthAnswers, serveHealth } from '../../src/doors/health/health-server.js'

const WELL: HealthAnswers = {
  liveness: async () => ({ alive: true }),
  readiness: async () => ({ ready: true, parts: [{ name: 'store', ready: true }] }),
  metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'porchlight_connections 1\n' }),
}

async function start(t: Test, answers: Partial<HealthAnswers> = {}, connectionsMax = 64) {
  const server = await serveHealth({ ...WELL, ...answers }, { host: '127.0.0.1', port: 0, connectionsMax })
  t.teardown(() => server.close())
  return { port: server.port, url: `http://127.0.0.1:${server.port}` }
}

/** A request on a connection of its own, as a probe makes it. */
async function ask(port: number, path: string, method = 'GET'): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('utf8').on('error', () => {})
  let answer = ''
  socket.on('data', (text) => {
    answer += text
  })
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  return answer
}

t.test('health, readiness and metrics are there, and nothing else is', async (t) => {
  const { url, port } = await start(t)
  t.equal(await (await fetch(`${url}/healthz`)).text(), 'ok')
  const ready = await fetch(`${url}/readyz`)
  t.equal(ready.headers.get('content-type'), 'application/json')
  t.same(await ready.json(), { ready: true, parts: [{ name: 'store', ready: true }] })
  const metrics = await fetch(`${url}/metrics?some=thing`)
  t.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4')
  t.equal(await metrics.text(), 'porchlight_connections 1\n')
  const head = await fetch(`${url}/readyz`, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
  t.equal((await fetch(`${url}/auth/get_admin_token`)).status, 404)
  t.equal((await fetch(`${url}/constructor`)).status, 404)
  const posted = await fetch(`${url}/readyz`, { method: 'POST', body: 'x' })
  t.equal(posted.status, 405)
  t.equal(posted.headers.get('allow'), 'GET, HEAD')
  t.match(await ask(port, '/healthz', 'HEAD'), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/)
})

t.test('what is not well is 503, and says what', async (t) => {
  const parts = [{ name: 'store', ready: false, missing: 'gone' }]
  const { url } = await start(t, {
    liveness: async () => ({ alive: false, missing: 'io-0 has hung for 61 s' }),
    readiness: async () => ({ ready: false, parts }),
    metrics: async () => {
      throw new Error('no thread answers')
    },
  })
  const health = await fetch(`${url}/healthz`)
  t.equal(health.status, 503)
  t.equal(await health.text(), 'io-0 has hung for 61 s')
  const ready = await fetch(`${url}/readyz`)
  t.equal(ready.status, 503)
  t.same(await ready.json(), { ready: false, parts })
  const metrics = await fetch(`${url}/metrics`)
  t.equal(metrics.status, 500)
  t.match(await metrics.text(), /no thread answers/)
})

for (const [what, greeting] of [
  ['silent', ''],
  ['half a request', 'GET /readyz HTTP/1.1\r\nHost: x\r\n'],
  ['a request, and then nothing', 'GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n'],
] as const) {
  t.test(`1,100 connections that stay do not keep a probe out: ${what}`, async (t) => {
    const { port } = await start(t)
    const crowd: Socket[] = []
    t.teardown(() => {
      for (const socket of crowd) socket.destroy()
    })
    for (let n = 0; n < 1_100; n++) {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      socket.write(greeting)
      crowd.push(socket)
      if (n % 100 === 0) await once(socket, 'connect')
    }
    for (const path of ['/healthz', '/readyz', '/metrics']) t.match(await ask(port, path), /^HTTP\/1\.1 200/)
  })
}

t.test('only the address with most connections makes room', async (t) => {
  const { port } = await start(t, {}, 8)
  const few = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }).on('error', () => {})
  await once(few, 'connect')
  const many = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      return socket
    }),
  )
  t.teardown(() => {
    for (const socket of [few, ...many]) socket.destroy()
  })
  few.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  const [answer] = (await once(few.setEncoding('utf8'), 'data')) as [string]
  t.match(answer, /^HTTP\/1\.1 200/)
})

t.test('however many ask at once, a connection that asks for ever gives way', async (t) => {
  const { port } = await start(t)
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.setEncoding('utf8')
  let answers = 0
  socket.on('data', (text: string) => {
    answers += text.split('HTTP/1.1 200').length - 1
  })
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000))
  await once(socket, 'close')
  t.ok(answers <= 100, `${answers} answers`)
})
