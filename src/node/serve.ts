/** The life of a gateway, from its settings to the last line of its log. */

import { type Config, loadConfig, withAuthSecret } from '../config/config.js'
import type { Env } from '../config/given-values.js'
import { type DataDirLock, lockDataDir } from '../files/data-dir-lock.js'
import { createLog, type Log } from '../observe/log.js'
import { developmentSecret } from './development-secret.js'
import { endAtOnce } from './end-at-once.js'
import { checkTokenKeys } from './files/token-keys.js'
import type { StopSignals } from './stop-signals.js'
import { Supervisor } from './supervisor.js'

const FAILED_TO_START = 1
/** When all has ended nothing keeps the process alive; if something does, it is not waited for longer than this. */
const LINGER_MS = 10_000
const MESSAGES_OFF = 'messages are not served: presence alone (MESSAGES, DATABASE_URL)'

/** Resolves when the gateway has stopped, or has said why it does not start. */
export async function serve(env: Env, signals: StopSignals): Promise<void> {
  let lock: DataDirLock | undefined
  try {
    const notes: string[] = []
    let config = loadConfig(env, undefined, (note) => notes.push(note))
    const log = createLog({ level: config.logLevel, thread: 'main' })
    for (const note of notes) log.info(note)
    signals.onOther = (signal, effect) => tellSignal(log, signal, effect)
    if (!config.servesMessages) log.info(MESSAGES_OFF)
    if (!config.usesRedis) lock = await lockDataDir(config.dataDir)
    if (config.developmentMode) config = await inDevelopmentMode(config, log)
    await checkTokenKeys(config)
    if (!signals.isAsked) await serveUntilAsked(config, log, signals)
  } catch (error) {
    process.stderr.write(`porchlight does not start:\n${(error as Error).message}\n`)
    process.exitCode = FAILED_TO_START
  } finally {
    await lock?.release()
    setTimeout(endAtOnce, LINGER_MS).unref()
  }
}

async function inDevelopmentMode(config: Config, log: Log): Promise<Config> {
  const secretFile = `${config.dataDir}/development-secret`
  const secret = await developmentSecret(config.dataDir)
  log.warn({ secretFile }, 'development mode: no AUTH_SECRET, so a random one is used; loopback only')
  return withAuthSecret(config, secret)
}

/** Resolves when the node has stopped. A signal that comes while it starts ends it as well. */
async function serveUntilAsked(config: Config, log: Log, signals: StopSignals): Promise<void> {
  const supervisor = await Supervisor.start(config, log, signals.asked)
  const { wsPort, apiPort, healthPort } = supervisor
  if (!signals.isAsked) {
    log.info({ nodeId: config.nodeId, host: config.host, wsPort, apiPort, healthPort }, 'ready')
  }
  const signal = await signals.asked
  log.info({ signal }, 'stopping; a second signal ends at once')
  if (!(await supervisor.stop())) endAtOnce()
}

function tellSignal(log: Log, signal: NodeJS.Signals, effect: 'endsAtOnce' | 'ignored'): void {
  if (effect === 'endsAtOnce') log.warn({ signal }, 'second signal: ending at once')
  else log.info({ signal }, 'signal ignored: changed files are read again without it')
}
