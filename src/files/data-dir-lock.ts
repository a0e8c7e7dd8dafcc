/**
 * One process to a DATA_DIR: a socket in the folder that its owner listens on. A process that can connect to it knows that the
 * owner lives, whatever its process ID, also from another container that mounts the folder; what a killed owner left is
 * known by its refusal. A file with a process ID could not tell: in containers every process is number 1.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, realpathSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { BadSettingError, hasCode } from '../errors/errors.js'

const SOCKET = 'in-use.sock'
/** The kernels' bound of a socket's path is 104 bytes or more, its end included. */
const PATH_BYTES_MAX = 100
/** Taking over the lock of a killed process takes milliseconds; a process that needs longer has died meanwhile. */
const TAKE_OVER_MS = 5_000
const LOOK_AGAIN_MS = 50
const ANSWER_MS = 1_000

export interface DataDirLock {
  release(): Promise<void>
}

/** Throws BAD_SETTING, naming the owner, when another process has the folder, or when it cannot be made. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new BadSettingError(
      `DATA_DIR cannot be ${dataDir} (${(error as Error).message}); expected a directory that may be written.`,
    )
  }
  const server = (await own(dataDir, socketIn(dataDir))) ?? (await own(dataDir, socketElsewhere(dataDir)))
  return { release: () => new Promise((resolve) => (server ? server.close(() => resolve()) : resolve())) }
}

/** Undefined where no socket can be made: a file system without them, a folder that may not be written. */
async function own(dataDir: string, path: string): Promise<Server | undefined> {
  const deadlineMs = performance.now() + 2 * TAKE_OVER_MS
  for (;;) {
    try {
      return await listen(path)
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) return undefined
    }
    const owner = await ownerAt(path)
    if (owner !== undefined) throw inUse(dataDir, owner)
    if (performance.now() > deadlineMs) throw inUse(dataDir, 'unknown')
    await clear(path)
  }
}

function inUse(dataDir: string, owner: string): BadSettingError {
  return new BadSettingError(
    `DATA_DIR ${dataDir} is in use by another process (${owner}): end it, or set another DATA_DIR. The embedded store ` +
      'serves one process; several nodes share a Redis.',
  )
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`process ${process.pid} on ${hostname()}`)
    })
    server.once('error', reject)
    server.listen(path, () => resolve(server.unref()))
  })
}

/** The process that holds the lock; undefined = none does. One that is too busy to answer counts. */
function ownerAt(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = createConnection(path)
    const told = () => resolve(answer || 'it does not say which')
    socket.setTimeout(ANSWER_MS, () => socket.destroy())
    socket.on('connect', () => socket.on('close', told))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(
        code === 'ECONNREFUSED' || code === 'ENOENT' ? undefined : answer || `it cannot be asked, ${code}`,
      ),
    )
  })
}

/**
 * Remove what a killed process left. By one at a time, and after another look: otherwise the slower of two could remove
 * what the faster has just made.
 */
async function clear(path: string): Promise<void> {
  const turn = `${path}.taken-over`
  try {
    mkdirSync(turn)
  } catch {
    const since = statSync(turn, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (Date.now() - since > TAKE_OVER_MS) rmSync(turn, { recursive: true, force: true })
    await pause(LOOK_AGAIN_MS)
    return
  }
  try {
    if ((await ownerAt(path)) === undefined) rmSync(path, { force: true })
  } finally {
    rmdirSync(turn)
  }
}

function socketIn(dataDir: string): string {
  const folder = realpathSync(dataDir)
  const paths = [join(folder, SOCKET), join(relative(process.cwd(), folder), SOCKET)]
  const short = paths.find((path) => Buffer.byteLength(path) <= PATH_BYTES_MAX)
  return process.platform === 'win32' || short === undefined ? socketElsewhere(dataDir) : short
}

/** Where the folder's own path is too long, or takes no socket: good for the processes that share a temporary folder. */
function socketElsewhere(dataDir: string): string {
  const digest = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 32)
  return process.platform === 'win32'
    ? `\\\\.\\pipe\\porchlight-${digest}`
    : join(tmpdir(), `porchlight-${digest}.sock`)
}
