import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lockDataDir } from '../../src/files/data-dir-lock.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'

t.test('a second process on the same DATA_DIR is refused, and told which one has it', async (t) => {
  const cwd = temporaryFolder('shared')
  const first = await GatewayProcess.ready(t, { cwd })
  const second = await GatewayProcess.launch(t, { cwd })
  t.same(await second.exit, { code: 1, signal: null })
  t.match(
    second.output,
    new RegExp(`DATA_DIR .porchlight is in use by another process .process ${first.child.pid} on`),
  )
  const client = await first.login('ann')
  t.equal(client.closeCode, undefined, 'the first is not disturbed')
  first.kill('SIGTERM')
  t.same(await first.exit, { code: 0, signal: null })
  const third = await GatewayProcess.ready(t, { cwd })
  third.kill('SIGTERM')
  t.same(await third.exit, { code: 0, signal: null }, 'and after its end the folder is free')
})

t.test('what a killed process left keeps nobody out', async (t) => {
  const cwd = temporaryFolder('killed')
  const first = await GatewayProcess.ready(t, { cwd })
  first.kill('SIGKILL')
  await first.exit
  t.ok(existsSync(join(cwd, '.porchlight', 'in-use.sock')), 'something is left')
  const second = await GatewayProcess.ready(t, { cwd })
  t.match(second.output, /"msg":"ready"/)
})

t.test('of many that start at once after a kill, exactly one gets the folder', async (t) => {
  const cwd = temporaryFolder('race')
  const first = await GatewayProcess.ready(t, { cwd })
  first.kill('SIGKILL')
  await first.exit
  const tries = await Promise.allSettled(
    Array.from({ length: 8 }, () => lockDataDir(join(cwd, '.porchlight'))),
  )
  const held = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  t.equal(held.length, 1)
  await held[0]!.release()
})

t.test('paths to one folder are one folder, also when they are too long for a socket', async (t) => {
  const folder = join(temporaryFolder('long'), 'a'.repeat(60), 'b'.repeat(60))
  mkdirSync(folder, { recursive: true })
  const lock = await lockDataDir(folder)
  await t.rejects(lockDataDir(join(folder, '..', 'b'.repeat(60))), {
    code: 'BAD_SETTING',
    message: /is in use/,
  })
  await lock.release()
  await (await lockDataDir(folder)).release()
})

t.test('a folder that cannot be made is a clear error', async (t) => {
  await t.rejects(lockDataDir('/dev/null/nowhere'), { code: 'BAD_SETTING', message: /^DATA_DIR cannot be/ })
})
