/** `migrate`: brings the schema of the database to what this program knows, while nodes of an older release serve. */
import type { Env } from '../config/given-values.js'
import { runSchemaCommand } from '../node/schema-command.js'
import type { StopSignals } from '../node/stop-signals.js'

const FAILED = 1

/** A signal ends it after the step or slice that is under way. */
export async function migrateFromCli(env: Env, isDryRun: boolean, { asked }: StopSignals): Promise<void> {
  const end = new AbortController()
  void asked.then((signal) => end.abort(new Error(`stopped by ${signal}; what is done stays`)))
  try {
    await runSchemaCommand(env, isDryRun, (line) => void process.stdout.write(`${line}\n`), end.signal)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = FAILED
  }
}
