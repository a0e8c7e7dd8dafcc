/**
 * What is shown: on a terminal a table that is redrawn in place and a short log below it, elsewhere one line for
 * each event.
 */
import { OPENIM_PLATFORMS } from '../src/openim/platforms.js'
import { PlatformTable } from '../src/rules/platforms.js'
import type { PlatformId, UserId } from '../src/rules/types.js'
import type { CastEvent } from './cast.js'

export interface Screen {
  /** The watcher was told of a user. */
  status(userId: UserId, platformIds: PlatformId[]): void
  event(event: CastEvent): void
  /** Leaves the terminal as it was found. */
  close(): void
}

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_LINE = '\x1b[K'
const GREEN = '\x1b[32m'
const YELLOW = '\x1b[33m'
const GREY = '\x1b[90m'
const BOLD = '\x1b[1m'
const PLAIN = '\x1b[0m'
const ESCAPE = '\x1b'
const COLOUR = new RegExp(`(${ESCAPE}\\[\\d*m)`)

/** Times since a change are shown in seconds, so twice a second is smooth enough. */
const REDRAW_MS = 500
const LOG_LINES = 10
/** Longer after the act than any network is slow: the grace had to pass first. */
const LATE_MS = 200

const platforms = new PlatformTable(OPENIM_PLATFORMS)

export function openScreen(out: NodeJS.WriteStream, userIds: UserId[], title: string): Screen {
  return out.isTTY ? new Table(out, userIds, title) : new Lines(out, title)
}

interface RowState {
  platformIds: PlatformId[]
  changedMs: number
  /** Platforms whose socket is broken: shown online, in the grace. */
  broken: Set<PlatformId>
}

class Table implements Screen {
  readonly #rows: Map<UserId, RowState>
  readonly #log: string[] = []
  readonly #timer: NodeJS.Timeout
  #drawnLines = 0

  constructor(
    private readonly out: NodeJS.WriteStream,
    userIds: UserId[],
    private readonly title: string,
  ) {
    this.#rows = new Map(
      userIds.map((id) => [id, { platformIds: [], changedMs: performance.now(), broken: new Set() }]),
    )
    this.out.write(HIDE_CURSOR)
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS)
    this.#draw()
  }

  status(userId: UserId, platformIds: PlatformId[]): void {
    const row = this.#rows.get(userId)
    if (row === undefined) return
    row.platformIds = platformIds
    row.changedMs = performance.now()
    for (const id of row.broken) if (!platformIds.includes(id)) row.broken.delete(id)
    this.#draw()
  }

  event(event: CastEvent): void {
    const row = this.#rows.get(event.userId)
    if (event.kind === 'brokeOff') row?.broken.add(event.platformId)
    if (event.kind === 'cameBack') row?.broken.delete(event.platformId)
    this.#log.push(`${GREY}${clock()}${PLAIN}  ${describe(event)}`)
    if (this.#log.length > LOG_LINES) this.#log.shift()
    this.#draw()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#draw()
    this.out.write(SHOW_CURSOR)
  }

  #draw(): void {
    const online = [...this.#rows.values()].filter(({ platformIds }) => platformIds.length > 0).length
    const head = `${BOLD}${this.title}${PLAIN}  ${online} of ${this.#rows.size} online  ${GREY}Ctrl-C ends${PLAIN}`
    const table = [head, '', ...[...this.#rows].map(([id, row]) => this.#line(id, row)), '']
    // A log that scrolled the table away would break the redraw in place.
    const room = Math.max(0, (this.out.rows || 24) - table.length - 1)
    const log = room === 0 ? [] : this.#log.slice(-Math.min(room, LOG_LINES))
    const lines = [...table, ...log].map((line) => clip(line, (this.out.columns || 80) - 1) + CLEAR_LINE)
    const up = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A\r` : ''
    this.out.write(`${up}${lines.join('\n')}\n\x1b[J`)
    this.#drawnLines = lines.length
  }

  #line(userId: UserId, row: RowState): string {
    const isOnline = row.platformIds.length > 0
    const inGrace = row.platformIds.some((id) => row.broken.has(id))
    const colour = !isOnline ? GREY : inGrace ? YELLOW : GREEN
    const names = row.platformIds.map((id) => nameOf(id) + (row.broken.has(id) ? ' (grace)' : ''))
    const seconds = Math.floor((performance.now() - row.changedMs) / 1_000)
    const where = (isOnline ? names.join(', ') : 'offline').padEnd(36)
    return `  ${colour}●${PLAIN} ${userId.padEnd(10)} ${isOnline ? '' : GREY}${where}${PLAIN} ${GREY}${seconds} s${PLAIN}`
  }
}

class Lines implements Screen {
  constructor(
    private readonly out: NodeJS.WriteStream,
    title: string,
  ) {
    out.write(`${title}\n`)
  }

  status(userId: UserId, platformIds: PlatformId[]): void {
    this.#write(`${userId} is ${platformIds.length === 0 ? 'offline' : platformIds.map(nameOf).join(', ')}`)
  }

  event(event: CastEvent): void {
    this.#write(`  ${clip(describe(event), Number.POSITIVE_INFINITY, false)}`)
  }

  close(): void {}

  #write(line: string): void {
    this.out.write(`${clock()}  ${line}\n`)
  }
}

function describe(event: CastEvent): string {
  const who = `${event.userId} (${nameOf(event.platformId)})`
  switch (event.kind) {
    case 'seen': {
      const colour = event.latencyMs > LATE_MS ? YELLOW : GREEN
      return `${who} ${event.act}: seen after ${colour}${duration(event.latencyMs)}${PLAIN}`
    }
    case 'brokeOff':
      return `${who} ${YELLOW}socket broke; shown online for the grace${PLAIN}`
    case 'cameBack':
      return `${who} back after ${duration(event.awayMs)}, within the grace: no watcher noticed`
    case 'kicked':
      return `${who} ${YELLOW}logged out by another login${PLAIN}`
  }
}

function nameOf(platformId: PlatformId): string {
  return platforms.nameOf(platformId) ?? `platform ${platformId}`
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1_000).toFixed(2)} s`
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8)
}

/** At most `columns` visible characters; escape sequences take no room, and go when `coloured` is false. */
function clip(line: string, columns: number, coloured = true): string {
  let visible = 0
  let clipped = ''
  for (const part of line.split(COLOUR)) {
    if (part.startsWith(ESCAPE)) {
      if (coloured) clipped += part
      continue
    }
    clipped += part.slice(0, columns - visible)
    visible += Math.min(part.length, columns - visible)
  }
  return clipped
}
