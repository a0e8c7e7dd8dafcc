/** `migrate`, as operators run it, and how a node starts on schemas of other releases. */
import { join } from 'node:path'
import t from 'tap'
import { update } from '../../src/store/ports/steps.js'
import { knownBy, MIGRATIONS } from '../../src/store/schema/migrations.js'
import { schemaStates, takeLease } from '../../src/store/schema/schema-state.js'
import { SqliteDatabase } from '../../src/store/sql/sqlite/sqlite-database.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'
import type { Teardown } from '../support/node.js'

const KNOWN = knownBy(MIGRATIONS)

async function outcome(test: Teardown, dataDir: string, args: string[], env: Record<string, string> = {}) {
  const gateway = await GatewayProcess.launch(test, { args, env: { DATA_DIR: dataDir, ...env } })
  const { code } = await gateway.exit
  return { code, output: gateway.output }
}

/** Another process migrates, and is not done. */
async function holdLease(dataDir: string): Promise<void> {
  const database = SqliteDatabase.open({ path: join(dataDir, 'messages.db'), readOnly: false })
  await database.change({ kind: 'makeTable', table: schemaStates })
  await database.write(() => takeLease('node-b', Date.now(), Date.now() + 600_000))
  await database.close()
}

/** As a later release leaves it. */
async function contract(dataDir: string): Promise<void> {
  const database = SqliteDatabase.open({ path: join(dataDir, 'messages.db'), readOnly: false })
  await database.write(() => update(schemaStates, [{ key: [0], set: { version: 9, minProgram: 8 } }]))
  await database.close()
}

t.test('migrate says what it would do, does it, and then has nothing to do', async (t) => {
  const dataDir = temporaryFolder('migrate')
  const planned = await outcome(t, dataDir, ['migrate', '--dry-run'])
  t.equal(planned.code, 0, planned.output)
  t.match(
    planned.output,
    new RegExp(
      `^schema +none yet.*\\nneeds +any program\\nprogram +knows schema ${KNOWN}\\nto do +schema 1: makes`,
    ),
  )
  t.equal(planned.output.match(/^to do/gm)!.length, MIGRATIONS.flatMap(({ steps }) => steps).length)
  t.equal(
    (await outcome(t, dataDir, ['migrate', '--dry-run'])).output,
    planned.output,
    'it has changed nothing',
  )
  const done = await outcome(t, dataDir, ['migrate'])
  t.match(done, {
    code: 0,
    output: new RegExp(`schema 1, step 1 of \\d+: [\\s\\S]*schema ${KNOWN} is done\\nThe schema is ready`),
  })
  t.match(await outcome(t, dataDir, ['migrate', '--dry-run']), {
    code: 0,
    output: new RegExp(
      `^schema +${KNOWN}\\nneeds +programs that know schema 1 or later\\nprogram +knows schema ${KNOWN}\\nverdict +nothing to do\\n$`,
    ),
  })
})

t.test('migrate leaves the file of a node that runs alone', async (t) => {
  const dataDir = temporaryFolder('migrate')
  const node = await GatewayProcess.ready(t, { env: { DATA_DIR: dataDir } })
  t.match(await outcome(t, dataDir, ['migrate']), { code: 1, output: /DATA_DIR/ })
  node.kill('SIGTERM')
  await node.exit
  t.match(await outcome(t, dataDir, ['migrate', '--dry-run']), { code: 0, output: /nothing to do/ })
})

t.test('a node that is too old for the schema does not start, and says what to do', async (t) => {
  const dataDir = temporaryFolder('migrate')
  await outcome(t, dataDir, ['migrate'])
  await contract(dataDir)
  const tooNew = new RegExp(
    `needs programs that know 8 or later; this one knows ${KNOWN}\\. Start a newer release on it`,
  )
  t.match(await outcome(t, dataDir, []), { code: 1, output: /porchlight does not start:\n/ })
  t.match(await outcome(t, dataDir, []), { code: 1, output: tooNew })
  t.match(await outcome(t, dataDir, ['migrate']), { code: 1, output: tooNew })
  t.match(await outcome(t, dataDir, ['migrate', '--dry-run']), {
    code: 0,
    output: /this program is too old for it/,
  })
})

t.test('who waits for another to migrate says so, is not ready, and ends when it is told to', async (t) => {
  const dataDir = temporaryFolder('migrate')
  await holdLease(dataDir)
  const waiting = /schema 1: waiting for node-b, which migrates the database/
  const node = await GatewayProcess.launch(t, { env: { DATA_DIR: dataDir } })
  await node.says(waiting)
  t.equal((await node.readiness()).status, 0, 'it does not listen')
  node.kill('SIGTERM')
  t.match(await node.exit, { code: 0 })
  const command = await GatewayProcess.launch(t, { args: ['migrate'], env: { DATA_DIR: dataDir } })
  await command.says(waiting)
  command.kill('SIGTERM')
  t.match(await command.exit, { code: 1 })
  t.match(command.output, /stopped by SIGTERM; what is done stays/)
})

t.test('migrate says why it cannot', async (t) => {
  const dataDir = temporaryFolder('migrate')
  const away = { DATABASE_URL: 'mysql://ann:hush@127.0.0.1:1/chat' }
  const { code, output } = await outcome(t, dataDir, ['migrate'], away)
  t.equal(code, 1)
  t.match(output, /the database cannot be reached: .*ECONNREFUSED/)
  t.notMatch(output, /hush/)
  t.match(await outcome(t, dataDir, ['migrate'], { MESSAGES: 'off' }), {
    code: 1,
    output: /no messages are served/,
  })
  t.match(await outcome(t, dataDir, ['migrate', '--now']), { code: 2, output: /unknown argument --now/ })
  t.match(await outcome(t, dataDir, ['migrate', '--help']), {
    code: 0,
    output: /usage: porchlight migrate[\s\S]*--dry-run/,
  })
})
