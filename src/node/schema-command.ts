/** What operators do to the schema from the command line: look, and migrate before a roll-out. */
import { type Config, loadConfig } from '../config/config.js'
import type { Env } from '../config/given-values.js'
import { BadSettingError } from '../errors/errors.js'
import { lockDataDir } from '../files/data-dir-lock.js'
import { knownBy, MIGRATIONS, standingOf } from '../store/schema/migrations.js'
import type { SchemaState } from '../store/schema/schema-state.js'
import { plannedSteps, stateOf } from '../store/sql/schema/migrate.js'
import { migrateSchema, openSchema } from './message-database.js'

/**
 * Migrates, or says what would be done. Rejects with BAD_SETTING, SCHEMA_TOO_NEW or DATABASE_UNAVAILABLE. `print` gets
 * each line when it is true.
 */
export async function runSchemaCommand(
  env: Env,
  isDryRun: boolean,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const config = loadConfig(env, undefined, print)
  if (!config.servesMessages) {
    throw new BadSettingError('DATABASE_URL and MESSAGES: no messages are served, so there is no database.')
  }
  const release = await lockFile(config)
  try {
    const database = await openSchema(config)
    try {
      for (const line of report(await stateOf(database))) print(line)
      if (isDryRun) return
      await migrateSchema(database, config, print, signal)
      print('The schema is ready for this program.')
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
