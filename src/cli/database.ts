/** The commands on the database. A signal ends one after the step or slice that is under way. */
import type { Env } from '../config/given-values.js'
import { type CommandContext, runMigrate, runRestored } from '../node/database-commands.js'
import type { StopSignals } from '../node/stop-signals.js'

const FAILED = 1

/** Brings the schema to what this program knows, while nodes of an older release serve. */
export function migrate(env: Env, signals: StopSignals, isDryRun: boolean): Promise<void> {
  return onDatabase(env, signals, 'what is done stays', (context) => runMigrate(context, isDryRun))
}

/** Lets numbers go on beyond those that clients may have seen. */
export function restored(env: Env, signals: StopSignals, by: number): Promise<void> {
  return onDatabase(env, signals, 'not all is done: run it again', (context) => runRestored(context, by))
}

async function onDatabase(
  env: Env,
  { asked }: StopSignals,
  whenStopped: string,
  run: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const end = new AbortController()
  void asked.then((signal) => end.abort(new Error(`stopped by ${signal}; ${whenStopped}`)))
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  try {
    await run({ env, print, signal: end.signal })
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = FAILED
  }
}
