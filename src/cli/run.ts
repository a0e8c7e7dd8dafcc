/** Runs the command that the arguments name. The gateway is only loaded by the commands that need it. */
import { readFileSync } from 'node:fs'
import type { Env } from '../config/given-values.js'
import { entryUrl } from '../files/entry.js'
import type { StopSignals } from '../node/stop-signals.js'
import { commandOf, MIGRATE_USAGE, RESTORED_USAGE, USAGE } from './arguments.js'

const BAD_SETTINGS = 1
const BAD_USAGE = 2

export async function run(args: readonly string[], env: Env, signals: StopSignals): Promise<void> {
  const command = commandOf(args)
  switch (command.kind) {
    case 'serve': {
      const { serve } = await import('../node/serve.js')
      return serve(env, signals)
    }
    case 'check':
      return check(env)
    case 'migrate': {
      const { migrate } = await import('./database.js')
      return migrate(env, signals, command.isDryRun)
    }
    case 'restored': {
      const { restored } = await import('./database.js')
      return restored(env, signals, command.by)
    }
    case 'migrateHelp':
      return print(MIGRATE_USAGE)
    case 'restoredHelp':
      return print(RESTORED_USAGE)
    case 'version':
      return print(`porchlight ${version()}\n`)
    case 'help':
      return print(USAGE)
    case 'unknown':
      process.stderr.write(`porchlight: unknown argument ${command.given}\n\n${USAGE}`)
      process.exitCode = BAD_USAGE
  }
}

async function check(env: Env): Promise<void> {
  const { checkSettings } = await import('./check.js')
  try {
    print(`${(await checkSettings(env)).join('\n')}\n`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = BAD_SETTINGS
  }
}

function version(): string {
  const file = new URL('../../package.json', entryUrl())
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function print(text: string): void {
  process.stdout.write(text)
}
