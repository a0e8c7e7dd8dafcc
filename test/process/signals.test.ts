import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { eventually } from '../support/eventually.js'
import { asProcessOne, childOf, GatewayProcess, hearsSignals, MAIN } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'

const processOne = asProcessOne()
const notAllowed = processOne === undefined && 'this machine lets nobody make a PID namespace'
const commandOfProcessOne = [...(processOne ?? []), process.execPath, MAIN]

t.test('SIGTERM as soon as it is heard at all ends the process, and it never serves', async (t) => {
  const gateway = await GatewayProcess.launch(t)
  const { pid } = gateway.child
  await eventually(() => (hearsSignals(pid!) ? true : undefined))
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
  t.notMatch(gateway.output, /"msg":"ready"/)
})

t.test('SIGTERM while Redis does not answer ends the process', async (t) => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const { port } = silent.address() as { port: number }
  const asked = once(silent, 'connection')
  const gateway = await GatewayProcess.launch(t, { env: { REDIS_URL: `redis://127.0.0.1:${port}` } })
  await asked
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
  t.notMatch(gateway.output, /"msg":"ready"/)
})

t.test(
  'process 1 of a container hears SIGTERM from the beginning, and drains',
  { skip: notAllowed },
  async (t) => {
    const early = await GatewayProcess.launch(t, { command: commandOfProcessOne })
    const pid = await eventually(() => childOf(early.child.pid!))
    await eventually(() => (hearsSignals(pid) ? true : undefined))
    process.kill(pid, 'SIGTERM')
    t.same(await early.exit, { code: 0, signal: null }, early.output)

    const gateway = await GatewayProcess.ready(t, { command: commandOfProcessOne })
    const client = await gateway.login('ann')
    process.kill((await eventually(() => childOf(gateway.child.pid!)))!, 'SIGTERM')
    t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
    t.equal(await eventually(() => client.closeCode), CloseCode.GoingAway)
  },
)

t.test('a second signal ends process 1 of a container at once', { skip: notAllowed }, async (t) => {
  const gateway = await GatewayProcess.ready(t, {
    command: commandOfProcessOne,
    env: { SHUTDOWN_DELAY_MS: '600000' },
  })
  const pid = await eventually(() => childOf(gateway.child.pid!))
  process.kill(pid, 'SIGTERM')
  await gateway.says(/stopping/)
  const again = setInterval(() => process.kill(pid, 'SIGTERM'), 600)
  const { code, signal } = await gateway.exit.finally(() => clearInterval(again))
  t.not(code, 0)
  t.match(gateway.output, /second signal/, `${code} ${signal}`)
})

t.test('SIGHUP without a terminal does nothing, and says so', async (t) => {
  const gateway = await GatewayProcess.ready(t)
  gateway.kill('SIGHUP')
  await gateway.says(/"signal":"SIGHUP".*signal ignored/)
  const client = await gateway.login('ann')
  t.equal(client.closeCode, undefined)
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null })
})

t.test('when its terminal goes away, it drains', async (t) => {
  const cwd = temporaryFolder('terminal')
  // `script` runs its command on a terminal of its own, which ends with it.
  const gateway = await GatewayProcess.ready(t, {
    cwd,
    command: ['script', '-qfec', `exec '${process.execPath}' '${MAIN}'`, '/dev/null'],
  })
  const pid = await eventually(() => childOf(gateway.child.pid!))
  t.teardown(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
  const client = await gateway.login('ann')
  gateway.kill('SIGKILL')
  t.equal(await eventually(() => client.closeCode), CloseCode.GoingAway)
  await eventually(() => (isAlive(pid) ? undefined : true))
})

t.test('SHUTDOWN_DELAY_MS: not ready at once, open to clients until it is over', async (t) => {
  const gateway = await GatewayProcess.ready(t, { env: { SHUTDOWN_DELAY_MS: '600000' } })
  const early = await gateway.login('ann')
  gateway.kill('SIGTERM')
  const { body } = await eventually(async () => {
    const answer = await gateway.readiness()
    return answer.status === 503 ? answer : undefined
  })
  t.match(JSON.parse(body), { ready: false, parts: [{ name: 'node', missing: 'it is stopping' }] })
  const late = await gateway.login('bob')
  t.same([early.closeCode, late.closeCode], [undefined, undefined])
})

t.test('SHUTDOWN_DELAY_MS: after it the node drains as ever', async (t) => {
  const gateway = await GatewayProcess.ready(t, { env: { SHUTDOWN_DELAY_MS: '100' } })
  const client = await gateway.login('ann')
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null })
  t.equal(await eventually(() => client.closeCode), CloseCode.GoingAway)
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
