/** The demo: a handful of users come and go at a running gateway, and one watcher sees it live. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Platform } from '../src/openim/platforms.js'
import { Admin, AdminError } from '../src/sdk/admin.js'
import { OpenimClient } from '../src/sdk/openim-client.js'
import type { ConnectRefusedError } from '../src/sdk/openim-handshake.js'
import { Cast } from './cast.js'
import { openScreen } from './screen.js'

const HELP = `Watch presence live: users come and go at a running gateway, one watcher sees it.

  npm run demo -- [options]

  --ws URL       gateway, default ws://127.0.0.1:10001
  --api URL      its REST, default http://127.0.0.1:10002
  --users N      how many users come and go, 1 to 100, default 6
  --seconds N    end after so long, default: with Ctrl-C
  --help         this text

The secret is AUTH_SECRET of the environment, else what the gateway's development mode keeps in
<DATA_DIR or .porchlight>/development-secret.
`

const USERS_MAX = 100
const WATCHER = 'porchlight-watcher'
/** Clients ping every 10 to 24 s, or the gateway takes them for dead. */
const PING_MS = 10_000

/** What ends the demo with one line and exit code 1. */
class DemoError extends Error {}

interface Options {
  ws: string
  api: string
  users: number
  /** Undefined = until Ctrl-C. */
  seconds: number | undefined
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) process.stdout.write(HELP)
  else await play(options)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}

function readOptions(args: string[]): Options | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args,
    options: { ws: text, api: text, users: text, seconds: text, help: { type: 'boolean' } },
  })
  if (values.help) return undefined
  return {
    ws: urlOf('--ws', values.ws ?? 'ws://127.0.0.1:10001', ['ws:', 'wss:']),
    api: urlOf('--api', values.api ?? 'http://127.0.0.1:10002', ['http:', 'https:']),
    users: numberOf('--users', values.users ?? '6', USERS_MAX),
    seconds: values.seconds === undefined ? undefined : numberOf('--seconds', values.seconds, 86_400),
  }
}

function urlOf(option: string, value: string, protocols: string[]): string {
  if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
    throw new DemoError(`${option} ${value}: expected a URL that begins with ${protocols.join(' or ')}`)
  }
  return value.replace(/\/+$/, '')
}

function numberOf(option: string, value: string, max: number): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > max) {
    throw new DemoError(`${option} ${value}: expected a whole number from 1 to ${max}`)
  }
  return number
}

async function readSecret(): Promise<string> {
  const given = process.env.AUTH_SECRET?.trim()
  if (given) return given
  const path = join(process.env.DATA_DIR?.trim() || '.porchlight', 'development-secret')
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    throw new DemoError(
      `no secret: set AUTH_SECRET to the gateway's, or start a gateway in development mode here (no ${path})`,
    )
  }
}

async function play(options: Options): Promise<void> {
  const admin = new Admin(options.api, await readSecret())
  await admin.login()
  const token = await admin.userToken(WATCHER, Platform.Web)
  const watcher = await connectWatcher(options.ws, token)
  const ended = endOf(options.seconds, watcher)
  const cast = new Cast(options.users, {
    wsUrl: options.ws,
    admin,
    report: (event) => screen.event(event),
    failed: ended.fail,
  })
  const screen = openScreen(process.stdout, cast.userIds, `Porchlight ${options.ws}`)
  const pings = setInterval(() => void watcher.ping('demo').catch(ended.fail), PING_MS)
  watcher.on('received', ({ userId, platformIds }) => {
    screen.status(userId, platformIds)
    cast.shown(userId, platformIds)
  })
  try {
    await watcher.subscribe(cast.userIds)
    cast.begin()
    await ended.promise
  } finally {
    clearInterval(pings)
    ended.stop()
    watcher.removeAllListeners('received')
    await cast.end()
    await watcher.close()
    screen.close()
  }
}

async function connectWatcher(url: string, token: string): Promise<OpenimClient> {
  try {
    return await OpenimClient.connect({ url, token, userId: WATCHER, platformId: Platform.Web })
  } catch (error) {
    const { errCode, errDlt, message } = error as ConnectRefusedError
    if (errCode !== 0) throw error
    throw new DemoError(`no gateway answers at ${url} (${errDlt ?? message}); start it with: npm start`)
  }
}

/** Resolves with Ctrl-C, SIGTERM or the end of the time; rejects when the gateway goes. */
function endOf(seconds: number | undefined, watcher: OpenimClient) {
  let stop = () => {}
  let fail: (error: Error) => void = () => {}
  const promise = new Promise<void>((resolve, reject) => {
    const timer = seconds === undefined ? undefined : setTimeout(resolve, seconds * 1_000)
    const onClose = (code: number) => reject(new DemoError(`the gateway closed the connection (${code})`))
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
    watcher.once('close', onClose)
    fail = (error) => reject(watcher.closeCode === undefined ? error : new DemoError('the gateway is gone'))
    stop = () => {
      clearTimeout(timer)
      process.off('SIGINT', resolve)
      process.off('SIGTERM', resolve)
      watcher.off('close', onClose)
    }
  })
  // The promise is awaited later; until then a failure must not count as unhandled.
  promise.catch(() => {})
  return { promise, stop, fail }
}

function messageOf(error: unknown): string {
  if (error instanceof AdminError) {
    if (error.code === 'GATEWAY_UNREACHABLE') return `${error.message}; start it with: npm start`
    if (error.code === 'WRONG_SECRET') {
      return "the secret is not the gateway's: set AUTH_SECRET, or run this where the gateway was started"
    }
  }
  return error instanceof Error ? error.message : String(error)
}
