/**
 * Logs: JSON lines on standard output, the same from every thread.
 *
 * Tokens and secrets are masked twice: by the names of their fields, and by their look in the finished line, since
 * an error's text or a URL may quote one.
 */
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Log as RuntimeLog } from '../runtime/environment.js'
import { standardOutput } from './standard-output.js'

export type Log = Logger

export interface LogOptions {
  /** One of pino's levels, or `silent`. */
  level: string
  /** Which thread speaks: `main`, `io-0`, ... */
  thread: string
  /** Instead of standard output. */
  destination?: DestinationStream
}

const SECRET_FIELDS = [
  'token',
  'secret',
  'authSecret',
  'password',
  'authorization',
  'redisUrl',
  'redisPassword',
  'redisSentinelPassword',
]

/** A JSON object in base64url begins with `eyJ`: JWTs, and the `v` parameter of a handshake, which holds one. */
const TOKEN_LOOK = /eyJ[\w-]{10,}(?:\.[\w-]*){0,2}/g

/** The password of a URL. */
const URL_PASSWORD_LOOK = /(\w:\/\/[^\s/:@"]*:)[^\s/@"]+(?=@)/g

/**
 * A log for one thread. A line is written before the call returns, unless the reader of standard output is slow: then
 * it is kept, up to a bound, and the thread goes on (`standard-output.ts`).
 */
export function createLog({ level, thread, destination }: LogOptions): Log {
  const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])
  return pino(
    {
      level,
      base: { thread },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths, censor: '[hidden]' },
      hooks: {
        streamWrite: (line) => line.replace(TOKEN_LOOK, '[hidden]').replace(URL_PASSWORD_LOOK, '$1[hidden]'),
      },
    },
    destination ?? standardOutput((dropped) => droppedLine(thread, dropped)),
  )
}

/** Made by hand: the log's own way is the one that was full. */
function droppedLine(thread: string, dropped: number): string {
  const time = new Date().toISOString()
  return `${JSON.stringify({ level: 'warn', time, thread, dropped, msg: 'log lines were dropped: standard output was not read' })}\n`
}

/** What a bounded log needs of one; pino's and the runtime's both fit. */
export type Speaker = Pick<RuntimeLog, 'info' | 'warn' | 'error'>

export interface BoundedLogOptions {
  /** Window of one key; ms. */
  everyMs: number
  /** Lines of one key that pass in a window. Default 1. */
  linesMax?: number
  /** Keys that are told apart; beyond it the oldest is forgotten. Default 1000. */
  keysMax?: number
  nowMs?: () => number
}

/** Says what an event that may come in floods needs to say, at a bounded rate for each key. */
export interface BoundedLog {
  /** `key` names the kind of event; `fields` and `text` are those of the first lines in the window. */
  write(level: 'info' | 'warn' | 'error', key: string, fields: object, text: string): void
  /** Say now how much was held back. Before a stop, say. */
  flush(): void
}

interface Window {
  endsMs: number
  lines: number
  heldBack: number
}

/**
 * Lets `linesMax` lines pass for a key and window, and counts the rest. The count is told with the key's next
 * line (`heldBack`), when the key is forgotten, or by `flush`: no line is lost without being counted.
 */
export function boundedLog(log: Speaker, options: BoundedLogOptions): BoundedLog {
  const { everyMs, linesMax = 1, keysMax = 1000, nowMs = Date.now } = options
  const windows = new Map<string, Window>()

  function tell(key: string, heldBack: number): void {
    if (heldBack > 0) log.warn({ key, heldBack }, 'log lines suppressed')
  }

  function open(key: string, now: number): Window {
    const before = windows.get(key)
    if (before && now < before.endsMs) return before
    tell(key, before?.heldBack ?? 0)
    // Deleted first, so that the map stays in the order of opening: its first key is the oldest.
    windows.delete(key)
    const [oldest] = windows
    if (oldest && windows.size >= keysMax) {
      windows.delete(oldest[0])
      tell(oldest[0], oldest[1].heldBack)
    }
    const window = { endsMs: now + everyMs, lines: 0, heldBack: 0 }
    windows.set(key, window)
    return window
  }

  return {
    write(level, key, fields, text) {
      const window = open(key, nowMs())
      if (window.lines < linesMax) {
        window.lines += 1
        log[level]({ key, ...fields }, text)
      } else {
        window.heldBack += 1
      }
    },
    flush() {
      for (const [key, window] of windows) {
        tell(key, window.heldBack)
        window.heldBack = 0
      }
    },
  }
}
