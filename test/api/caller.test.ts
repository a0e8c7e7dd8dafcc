/** The address of a REST caller, behind proxies and without. */
import { Hono } from 'hono'
import t, { type Test } from 'tap'
import { callerAddress } from '../../src/doors/rest/caller.js'
import { serveHttp } from '../../src/doors/rest/http-server.js'
import { Networks } from '../../src/net/networks.js'
import { documentedConfig, startNginx } from '../support/proxies.js'
import { rawAnswers } from '../support/raw-http.js'

const CLIENT = '198.51.100.7'
const VICTIM = '203.0.113.9'
const STRANGER = '127.0.0.6'

const app = new Hono()
app.get('/', (c) => c.text(`from ${callerAddress(c)}.`))

async function serve(t: Test, trusted: string[]) {
  const proxies = { trusted: new Networks(trusted), header: 'auto' as const }
  const server = await serveHttp((request, env) => app.fetch(request, env), {
    host: '127.0.0.1',
    port: 0,
    proxies,
  })
  t.teardown(() => server.close(0))
  const ask = async (localAddress: string, ...lines: string[]) => {
    const head = ['GET / HTTP/1.1', 'Host: x', 'Connection: close', ...lines].join('\r\n')
    const answer = await rawAnswers({ port: server.port, localAddress }, `${head}\r\n\r\n`)
    return /from (.*)\./.exec(answer)?.[1]
  }
  return { port: server.port, ask }
}

t.test('a stranger is itself, whatever it says', async (t) => {
  for (const trusted of [[], ['127.0.0.1/32']]) {
    const { ask } = await serve(t, trusted)
    t.equal(await ask(STRANGER, `X-Forwarded-For: ${VICTIM}`, `Forwarded: for=${VICTIM}`), STRANGER)
  }
})

t.test('a trusted proxy names the caller', async (t) => {
  const { ask } = await serve(t, ['127.0.0.1/32'])
  t.equal(await ask('127.0.0.1'), '127.0.0.1')
  t.equal(await ask('127.0.0.1', `X-Forwarded-For: ${VICTIM}`, `X-Forwarded-For: ${CLIENT}`), CLIENT)
  t.equal(await ask('127.0.0.1', `Forwarded: for=${VICTIM}`, `Forwarded: for=${CLIENT};proto=https`), CLIENT)
  t.equal(await ask('127.0.0.1', `Forwarded: for=${VICTIM}`, `X-Forwarded-For: ${CLIENT}`), '127.0.0.1')
})

t.test('nginx as in the documentation', async (t) => {
  const { port } = await serve(t, ['127.0.0.1/32'])
  const nginx = await startNginx(t, (own) => documentedConfig('nginx', own, port))
  const head = `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: ${VICTIM}\r\n\r\n`
  t.match(await rawAnswers({ port: nginx, localAddress: STRANGER }, head), `from ${STRANGER}.`)
})

t.test('where there is no connection there is no address', async (t) => {
  t.equal(await (await app.request('/')).text(), 'from .')
})
