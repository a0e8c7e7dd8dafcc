/** Both ports speak TLS, and a renewed certificate is in use within seconds. */
import '../support/entry.js'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { WebSocket } from 'ws'
import { checkSettings } from '../../src/cli/check.js'
import { loadConfig } from '../../src/config/config.js'
import { Supervisor } from '../../src/node/supervisor.js'
import { createLog } from '../../src/observe/log.js'
import { WireCode } from '../../src/openim/codes.js'
import { eventually } from '../support/eventually.js'
import { temporaryFolder } from '../support/leftovers.js'
import { noNativeTransport, testEnv } from '../support/node.js'
import { install, makeCertificate } from '../support/own-certificates.js'

const folder = temporaryFolder('tls')
const files = { certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') }
const TLS = { TLS_CERT_FILE: files.certPath, TLS_KEY_FILE: files.keyPath }
const old = makeCertificate('old')
const renewed = makeCertificate('renewed')

/** The name in the certificate that a new connection is shown, or why there is none. */
async function shownOn(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect')
    return String(socket.getPeerCertificate().subject.CN)
  } catch (error) {
    // In the instant of the change a connection may be reset.
    return String(error)
  } finally {
    socket.destroy()
  }
}

async function read(port: number, path: string): Promise<string> {
  const [response] = await once(
    get({ port, host: '127.0.0.1', path, rejectUnauthorized: false, agent: false }),
    'response',
  )
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

for (const transport of ['uws', 'ws'] as const) {
  t.test(`TLS of its own, ${transport}`, { skip: transport === 'uws' && noNativeTransport }, async (t) => {
    install(old, files)
    const config = loadConfig(testEnv({ ...TLS, TRANSPORT: transport }))
    const node = await Supervisor.start(config, createLog({ level: config.logLevel, thread: 'main' }))
    t.teardown(() => node.stop())
    const { wsPort, apiPort } = node
    t.equal(await read(apiPort, '/healthz'), 'ok')
    t.equal(await read(wsPort, '/healthz'), 'ok\n')
    const client = new WebSocket(
      `wss://127.0.0.1:${wsPort}/?isMsgResp=true&platformID=5&sendID=ann&token=x`,
      {
        ca: old.cert,
      },
    )
    const verdict = once(client, 'message')
    t.match(
      JSON.parse(String((await verdict)[0])),
      { errCode: WireCode.TokenMalformedError },
      'the gateway was reached',
    )
    const open = connect({ port: apiPort, host: '127.0.0.1', ca: old.cert })
    await once(open, 'secureConnect')

    copyFileSync(renewed.certPath, files.certPath)
    const metrics = () => metricsOf(node)
    await eventually(async () => (await metrics()).match(/tls_stale.*io-0.* 1$/m) ?? undefined)
    t.equal(await shownOn(wsPort), 'old')
    t.equal(await shownOn(apiPort), 'old')
    copyFileSync(renewed.keyPath, files.keyPath)
    for (const port of [wsPort, apiPort]) {
      t.equal(await eventually(async () => (await shownOn(port)) === 'renewed' || undefined), true)
    }
    t.match(await metrics(), /tls_stale.*io-0.* 0$/m)
    t.match(await metrics(), /tls_certificate_end_timestamp_seconds.*api-0.* \d{10}$/m)
    open.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    t.match(String((await once(open, 'data'))[0]), /^HTTP\/1\.1 200 /, 'an open connection lives on')
    open.destroy()
  })
}

/** The text of the health listener. */
async function metricsOf({ healthPort }: Supervisor): Promise<string> {
  return (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()
}

t.test('the check of the settings reads them', async (t) => {
  install(old, files)
  const env = testEnv(TLS)
  const report = (await checkSettings(env)).join('\n')
  t.match(report, /^clients +wss:/m)
  t.match(report, /^REST +https:/m)
  t.match(report, /^TLS +until \d{4}-\d{2}-\d{2}T/m)
  copyFileSync(renewed.keyPath, files.keyPath)
  await t.rejects(checkSettings(env), {
    code: 'BAD_SETTING',
    message: /^TLS_KEY_FILE .* do not serve together/,
  })
})

t.test('files that do not serve are named before anything starts', async (t) => {
  install(old, files)
  copyFileSync(renewed.keyPath, files.keyPath)
  const config = loadConfig(testEnv(TLS))
  const log = createLog({ level: config.logLevel, thread: 'main' })
  await t.rejects(Supervisor.start(config, log), {
    code: 'BAD_SETTING',
    message: /^TLS_KEY_FILE .* do not serve together/,
  })
})
