/**
 * Standard output that never holds up a thread: a write that would block is kept for later, up to a bound, and lines
 * beyond it are dropped and counted. Each thread has one of its own.
 *
 * Node writes to pipes synchronously, so a reader that stops (a full journal, a stuck log shipper, a terminal after
 * Ctrl-S) would stop every thread that logs. Writes on Node's thread pool would be no cure: one that hangs takes one
 * of the pool's four threads from DNS and files, and the end of the process waits for it.
 */
import { closeSync, constants, fstatSync, openSync, type Stats, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { hasCode } from '../errors/errors.js'
import { LineQueue, type Outcome } from './line-queue.js'

const STDOUT = 1
/** How long a thread that ends waits for the reader to take its last lines; ms. The threads end one after another. */
const LAST_LINES_MS = { main: 500, worker: 100 }
const LAST_LINES_LOOK_MS = 5

let queue: LineQueue | undefined

/**
 * This thread's standard output, opened at the first call; `notice` makes the line that tells of dropped ones. What it
 * is given it writes, or keeps, or drops and counts. It never throws and never waits.
 */
export function standardOutput(notice: (dropped: number) => string): Pick<LineQueue, 'write'> {
  queue ??= open(notice)
  return queue
}

/** Lines that this thread has dropped so far. */
export function linesDropped(): number {
  return queue?.dropped ?? 0
}

/** Give the reader a moment to take what is kept. To be called before an end that runs no exit handlers. */
export function flushLastLines(): void {
  const deadlineMs = performance.now() + (isMainThread ? LAST_LINES_MS.main : LAST_LINES_MS.worker)
  while (queue !== undefined && !queue.flush() && performance.now() < deadlineMs) sleep(LAST_LINES_LOOK_MS)
}

function open(notice: (dropped: number) => string): LineQueue {
  const fd = nonBlockingFd()
  process.on('exit', () => {
    flushLastLines()
    if (fd !== STDOUT) closeSync(fd)
  })
  return new LineQueue({ out: (bytes) => writeTo(fd, bytes), notice })
}

function writeTo(fd: number, bytes: Uint8Array): Outcome {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    return hasCode(error, 'EAGAIN') ? 'full' : 'failed'
  }
}

/**
 * Pipes and terminals are opened a second time: O_NONBLOCK belongs to an open file, and the one that was inherited is
 * shared with others (npm, a shell) who do not expect it. Sockets cannot be opened twice; theirs, as the journal's, is
 * shared with nobody as a rule. What can be neither stays as it is: files do not block for long.
 */
function nonBlockingFd(): number {
  const kind = kindOfStdout()
  if (kind === undefined || kind.isFile()) return STDOUT
  if (!kind.isSocket()) {
    try {
      const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants
      return openSync(`/proc/self/fd/${STDOUT}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY)
    } catch {
      // No /proc, or another user's pipe.
    }
  }
  if (!kind.isCharacterDevice()) setNonBlocking()
  return STDOUT
}

function kindOfStdout(): Stats | undefined {
  try {
    return fstatSync(STDOUT)
  } catch {
    return undefined
  }
}

/** Kept for the life of the process: its end would close standard output. */
let holder: Socket | undefined

/** Node has no call for it, but makes every socket non-blocking that it takes over. The threads share the open file. */
function setNonBlocking(): void {
  if (!isMainThread) return
  try {
    holder = new Socket({ fd: STDOUT, readable: false, writable: true })
    holder.on('error', () => {})
    holder.unref()
  } catch {
    // It stays blocking.
  }
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
