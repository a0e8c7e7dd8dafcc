/** What operators do to the database from the command line: migrate before a roll-out, and go on after a restore. */
import { type Config, loadConfig } from '../config/config.js'
import type { Env } from '../config/given-values.js'
import { BadSettingError } from '../errors/errors.js'
import { lockDataDir } from '../files/data-dir-lock.js'
import { raiseNumbers, renameLists } from '../services/housekeeping/after-restore.js'
import { newVersionId } from '../services/people/version-log.js'
import type { Operation } from '../store/ports/database.js'
import type { FillSlice, Position, SchemaDatabase } from '../store/ports/schema.js'
import { knownBy, MIGRATIONS, standingOf } from '../store/schema/migrations.js'
import type { SchemaState } from '../store/schema/schema-state.js'
import { assertServes, plannedSteps, stateOf } from '../store/sql/schema/migrate.js'
import { migrateSchema, openSchema } from './message-database.js'

const TELL_MS = 5_000

/** `print` gets each line when it is true. `signal` ends what is under way after a step or slice. */
export interface CommandContext {
  env: Env
  print: (line: string) => void
  signal: AbortSignal
}

/** Migrates, or says what would be done. Rejects with BAD_SETTING, SCHEMA_TOO_NEW or DATABASE_UNAVAILABLE. */
export async function runMigrate(context: CommandContext, isDryRun: boolean): Promise<void> {
  const { print, signal } = context
  await withDatabase(context, async (database, config) => {
    for (const line of report(await stateOf(database))) print(line)
    if (isDryRun) return
    await migrateSchema(database, config, print, signal)
    print('The schema is ready for this program.')
  })
}

/**
 * Lets all conversations go on `by` numbers further, and gives all lists other IDs. Rejects with BAD_SETTING,
 * SCHEMA_TOO_NEW or DATABASE_UNAVAILABLE.
 */
export async function runRestored(context: CommandContext, by: number): Promise<void> {
  const { print } = context
  await withDatabase(context, async (database) => {
    await assertServes(database)
    const heads = await inSlices(context, database, 'conversations', (from) => raiseNumbers(from, by))
    print(`${heads} conversations go on ${by} numbers further.`)
    const lists = await inSlices(context, database, 'lists', (from) => renameLists(from, newVersionId))
    print(`${lists} lists are read anew. The nodes may be started.`)
  })
}

async function inSlices(
  { print, signal }: CommandContext,
  database: SchemaDatabase,
  what: string,
  slice: (from: Position | undefined) => Operation<FillSlice>,
): Promise<number> {
  let done = 0
  let toldMs = Date.now()
  for (let from: Position | undefined; ; ) {
    signal.throwIfAborted()
    const { next, rows } = await database.write(() => slice(from))
    done += rows
    if (next === undefined) return done
    from = next
    if (Date.now() - toldMs < TELL_MS) continue
    print(`${done} ${what} so far`)
    toldMs = Date.now()
  }
}

async function withDatabase(
  { env, print }: CommandContext,
  run: (database: SchemaDatabase, config: Config) => Promise<void>,
): Promise<void> {
  const config = loadConfig(env, undefined, print)
  if (!config.servesMessages) {
    throw new BadSettingError('DATABASE_URL and MESSAGES: no messages are served, so there is no database.')
  }
  const release = await lockFile(config)
  try {
    const database = await openSchema(config)
    try {
      await run(database, config)
    } finally {
      await database.close()
    }
  } finally {
    await release()
  }
}

/** The file of the embedded database is one process's. */
async function lockFile({ databaseUrl, dataDir }: Config): Promise<() => Promise<void>> {
  if (databaseUrl !== '') return async () => {}
  const lock = await lockDataDir(dataDir)
  return () => lock.release()
}

function report(state: SchemaState): string[] {
  const { version, minProgram, holder } = state
  const standing = standingOf(MIGRATIONS, state)
  return [
    `schema    ${version === 0 ? 'none yet, or one from before there were numbers' : version}`,
    `needs     ${minProgram === 0 ? 'any program' : `programs that know schema ${minProgram} or later`}`,
    `program   knows schema ${knownBy(MIGRATIONS)}`,
    ...(holder === '' ? [] : [`lease     ${holder}`]),
    ...(standing === 'older'
      ? plannedSteps(state).map((step) => `to do     ${step}`)
      : [`verdict   ${VERDICTS[standing]}`]),
  ]
}

const VERDICTS = {
  serves: 'nothing to do',
  tooNew: 'this program is too old for it',
}
