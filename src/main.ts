/** The entry: settings → supervisor, and the signals that end it. */
import { developmentSecret } from './auth/development-secret.js'
import { loadTokenKeys } from './auth/keys.js'
import { type Config, loadConfig, withAuthSecret } from './config.js'
import { createLog, type Log } from './observe/log.js'
import { Supervisor } from './supervisor.js'

const FAILED_TO_START = 1
/** One Ctrl-C under `npm start` comes twice: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 500

await main()

async function main(): Promise<void> {
  let config: Config
  try {
    config = loadConfig(process.env)
    if (config.developmentMode) config = withAuthSecret(config, await developmentSecret(config.dataDir))
    await checkTokenKeys(config)
  } catch (error) {
    return refuseToStart((error as Error).message)
  }
  const log = createLog({ level: config.logLevel, thread: 'main' })
  if (config.developmentMode) {
    const secretFile = `${config.dataDir}/development-secret`
    log.warn({ secretFile }, 'development mode: no AUTH_SECRET, so a random one is used; loopback only')
  }
  let supervisor: Supervisor
  try {
    supervisor = await Supervisor.start(config, log)
  } catch (error) {
    return refuseToStart((error as Error).message)
  }
  const { wsPort, apiPort, healthPort } = supervisor
  log.info({ nodeId: config.nodeId, host: config.host, wsPort, apiPort, healthPort }, 'ready')
  stopOnSignals(supervisor, log)
}

/** Each thread that needs the keys reads them itself; here only their flaws are of interest, before anything starts. */
async function checkTokenKeys(config: Config): Promise<void> {
  await loadTokenKeys({
    algorithm: config.authAlgorithm,
    secret: config.authSecret,
    publicKeysPath: config.authPublicKeys,
    privateKeyPath: config.authPrivateKey,
    nowMs: Date.now,
    report: () => {},
  })
}

function refuseToStart(reason: string): void {
  process.stderr.write(`porchlight does not start:\n${reason}\n`)
  process.exitCode = FAILED_TO_START
}

function stopOnSignals(supervisor: Supervisor, log: Log): void {
  let stoppingSinceMs: number | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppingSinceMs === undefined) {
      stoppingSinceMs = performance.now()
      log.info({ signal }, 'stopping; a second signal ends at once')
      void supervisor.stop().then((hasStopped) => hasStopped || endAtOnce())
    } else if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) {
      log.warn({ signal }, 'second signal: ending at once')
      endAtOnce()
    }
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

/** Not process.exit: a thread that ends with its sockets open would take the process down with a native trace. */
function endAtOnce(): void {
  process.kill(process.pid, 'SIGKILL')
}
