/** What the runtime asks of the world: time, chance, and to be called later. The test kit has a world of its own. */
import { performance } from 'node:perf_hooks'

export interface Environment {
  /** Milliseconds that never go back. Comparable within one thread only. */
  nowMs(): number
  /** Uniform in [0, 1). */
  random(): number
  /** Call `run` once, soon, after what is going on now: at the end of this turn of the event loop. */
  defer(run: () => void): void
  /** Call `run` once, `delayMs` from now or sooner. Returns how to take it back. */
  wake(delayMs: number, run: () => void): () => void
}

/** Node's timers take a longer delay for 1 ms. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

export const realEnvironment: Environment = {
  nowMs: () => performance.now(),
  random: Math.random,
  // The check phase follows the poll phase, so what all sockets and ports brought in one turn leaves together.
  defer: (run) => void setImmediate(run),
  wake: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, TIMEOUT_MAX_MS))
    return () => clearTimeout(timer)
  },
}

/** The runtime's view of a log; pino fits. */
export interface Log {
  /** Least severe level that is written: `debug`, `info`, `warn`, `error`, `silent`. */
  level: string
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silentLog: Log = { level: 'silent', debug() {}, info() {}, warn() {}, error() {} }
