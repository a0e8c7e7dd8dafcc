/**
 * File descriptors: how many this process may open, how many it has, and so how many connections fit.
 *
 * The limit of most systems is 1,024 where MAX_CONNECTIONS is 100,000. What is left when REST, health, the store and files
 * have their share is for the WebSocket port; the bound is worked out anew each second, for a limit may be changed while
 * the process runs.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { type Fault, faultAfter, partOf, type ReadyPart } from './readiness.js'

const LOOK_MS = 1_000
/** A thread opens about as many for itself. */
export const PER_THREAD = 12
/** A node that was full is ready again when it has so much of its room free. */
const ROOM_AGAIN = 0.05

/** How the file descriptors that the process may open are shared out. */
export interface Shares {
  health: number
  api: number
  /** For the store's connections, key files, and a reserve. */
  spare: number
}

export function sharesOf(limit: number): Shares {
  const share = (part: number, min: number, max: number) =>
    Math.round(Math.max(min, Math.min(max, limit * part)))
  return { health: share(1 / 16, 8, 256), api: share(1 / 8, 16, 1_024), spare: share(1 / 16, 8, 256) }
}

/** Sockets that the WebSocket port may hold; `others` = descriptors that are none of these. At least one. */
export function socketsThatFit(limit: number, others: number): number {
  const { health, api, spare } = sharesOf(limit)
  return Math.max(1, limit - others - health - api - spare)
}

/** Connections that may be logged in, of so many sockets: the rest is for logins that get a refusal as an answer. */
export function connectionsThatFit(sockets: number): number {
  return sockets - Math.min(1_000, Math.ceil(sockets / 16))
}

/** What this looks at; a test may put others in place. */
export interface Sources {
  /** Descriptors that this process may open; Infinity where the system does not say. */
  limit(): number
  /** Descriptors that it has open; undefined where the system does not say. */
  open(): number | undefined
}

export interface DescriptorsOptions {
  /** Where the io threads read their bound, and say what they hold. */
  sockets: { max: number; readonly open: number }
  maxConnections: number
  threads: number
  sources?: Sources
  nowMs?: () => number
}

export class Descriptors {
  readonly #options: DescriptorsOptions
  readonly #sources: Sources
  readonly #nowMs: () => number
  readonly #timer: NodeJS.Timeout
  /** Before the threads have opened theirs. */
  readonly #othersMin: number
  #full: Fault | undefined
  #few: Fault | undefined
  max = Number.POSITIVE_INFINITY
  open = 0

  constructor(options: DescriptorsOptions) {
    this.#options = options
    this.#sources = options.sources ?? thisProcess
    this.#nowMs = options.nowMs ?? Date.now
    this.#othersMin = (this.#sources.open() ?? 0) + options.threads * PER_THREAD
    this.look()
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  look(): void {
    const { sockets, maxConnections } = this.#options
    this.max = this.#sources.limit()
    this.open = this.#sources.open() ?? this.#othersMin + sockets.open
    const isBound = Number.isFinite(this.max)
    sockets.max = isBound
      ? socketsThatFit(this.max, Math.max(this.#othersMin, this.open - sockets.open))
      : Number.MAX_SAFE_INTEGER
    const fit = connectionsThatFit(sockets.max)
    this.#few = faultAfter(this.#few, fit < maxConnections ? this.#fewWords(fit) : undefined, this.#nowMs())
    const roomFrom = this.#full === undefined ? fit : fit * (1 - ROOM_AGAIN)
    const isFull = this.#few !== undefined && sockets.open >= roomFrom
    const words = `no file descriptors are left for more than these ${sockets.open} connections: ${this.#cure()}`
    this.#full = faultAfter(this.#full, isFull ? words : undefined, this.#nowMs())
  }

  part(): ReadyPart {
    return this.#full === undefined
      ? partOf('descriptors', this.#few, true)
      : partOf('descriptors', this.#full)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #fewWords(fit: number): string {
    const { maxConnections } = this.#options
    return `at most ${fit} connections are taken, and not MAX_CONNECTIONS (${maxConnections}): ${this.#cure()}`
  }

  #cure(): string {
    return `this process may open ${this.max} files; raise that (ulimit -n, LimitNOFILE), or lower MAX_CONNECTIONS`
  }
}

/** Of the process itself. Node has raised the soft limit to the hard one. */
export const thisProcess: Sources = {
  limit: () => readLimit() ?? Number.POSITIVE_INFINITY,
  open: () => countOpen(),
}

function readLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined || soft === 'unlimited' ? undefined : Number(soft)
  } catch {
    return reportedLimit()
  }
}

let reported: { limit: number | undefined } | undefined

/** Where there is no /proc. A report costs some milliseconds, and the limit is not expected to change. */
function reportedLimit(): number | undefined {
  if (reported === undefined) {
    const report = process.report?.getReport() as
      | { userLimits?: { open_files?: { soft?: unknown } } }
      | undefined
    const soft = Number(report?.userLimits?.open_files?.soft)
    reported = { limit: Number.isFinite(soft) ? soft : undefined }
  }
  return reported.limit
}

/** Linux 6.2 and later keep the count as the folder's size; elsewhere its entries are counted. */
function countOpen(): number | undefined {
  for (const folder of ['/proc/self/fd', '/dev/fd']) {
    try {
      return statSync(folder).size || readdirSync(folder).length
    } catch {
      // No such folder here, or no descriptor left to read it with.
    }
  }
  return undefined
}
