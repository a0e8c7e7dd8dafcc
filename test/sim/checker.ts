/**
 * The five rules of presence, read off a recorded history.
 *
 * *Convergence*: when nothing has changed and nothing has failed for a while, every view, and the store, is what the
 * sockets say. *No ghost*: nobody is shown longer than the time it takes to notice that they have gone. *No false offline*:
 * who is there throughout, and was shown, is not shown as gone. *Monotone*: what is known of a user never goes back to
 * an older version. *No false end*: no connection is closed by its node, for nobody conflicts with anybody here, also
 * not those of one device with each other.
 *
 * A failure excuses what is late while it lasts and until its consequences are over (`settleMs`), nothing more.
 */
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { dueAfter } from './excuses.js'
import type { FaultRecord, History, HistoryEvent, SocketId } from './history.js'
import { type Socket, type Span, socketsOf, type Watch, watchesOf } from './reading.js'

export type Rule = 'convergence' | 'no ghost' | 'no false offline' | 'monotone' | 'no false end'

export interface Violation {
  rule: Rule
  atMs: number
  what: string
}

export interface Bounds {
  graceMs: number
  /** Where nothing fails, a change is known everywhere within this. */
  quickMs: number
  /** A node that is paused or cut off for no longer than this does not lose its lease. */
  harmlessMs: number
}

export function check(history: History, bounds: Bounds): Violation[] {
  const facts = new Facts(history, bounds)
  const violations = [
    ...facts.watches.flatMap((watch) => [
      ...checkGhosts(facts, watch),
      ...checkOffline(facts, watch),
      ...checkArrivals(facts, watch),
      ...checkEnd(facts, watch),
    ]),
    ...checkRecords(facts),
    ...checkVersions(history.events),
    ...checkEnds(history.events),
  ]
  return violations.sort((a, b) => a.atMs - b.atMs)
}

class Facts {
  readonly sockets: Socket[]
  readonly watches: Watch[]
  readonly #surely = new Map<string, Span[]>()
  readonly #perhaps = new Map<string, Span[]>()

  constructor(
    readonly history: History,
    readonly bounds: Bounds,
  ) {
    this.sockets = socketsOf(history.events)
    this.watches = watchesOf(history)
  }

  nodeOf(socket: SocketId): number {
    return this.sockets.find(({ id }) => id === socket)!.node
  }

  platformsOf(userId: UserId): PlatformId[] {
    const platforms = this.sockets.filter((one) => one.userId === userId).map(({ platformId }) => platformId)
    return [...new Set(platforms)].sort((a, b) => a - b)
  }

  /** By when everybody must know what happened at `sinceMs`. */
  knownBy(sinceMs: number): number {
    return this.#dueAfter(sinceMs, sinceMs)
  }

  /** When the user was there on the platform beyond doubt, and everybody must know. */
  surely(userId: UserId, platformId: PlatformId): Span[] {
    return this.#spans(this.#surely, userId, platformId, (socket) => this.#sureSpans(socket))
  }

  /** When they were somewhere beyond doubt, in the eyes of a watcher on that node. */
  surelyOnline(userId: UserId, watcherNode: number): Span[] {
    const key = `${userId} for ${watcherNode}`
    let spans = this.#surely.get(key)
    if (spans === undefined) {
      const mine = this.sockets.filter((one) => one.userId === userId)
      spans = merged(mine.flatMap((socket) => this.#sureSpans(socket, watcherNode)))
      this.#surely.set(key, spans)
    }
    return spans
  }

  /** When they may be shown there. */
  perhaps(userId: UserId, platformId: PlatformId): Span[] {
    return this.#spans(this.#perhaps, userId, platformId, (socket) => [
      {
        fromMs: socket.knockedMs,
        toMs: this.#dueAfter(socket.leftMs, socket.leftMs + (socket.hasGrace ? this.bounds.graceMs : 0)),
      },
    ])
  }

  /** The union of the live sockets. */
  truth(userId: UserId): PlatformId[] {
    const { endMs } = this.history
    const live = this.sockets.filter((one) => one.userId === userId && one.leftMs > endMs)
    return [...new Set(live.map(({ platformId }) => platformId))].sort((a, b) => a - b)
  }

  /** A node that stood still hears afterwards what happened meanwhile, in order. */
  isCatchingUp(node: number, atMs: number): boolean {
    return this.history.faults.some(
      (fault) =>
        fault.name === 'pauseNode' &&
        fault.node === node &&
        fault.fromMs <= atMs &&
        atMs <= fault.toMs + this.bounds.quickMs,
    )
  }

  hasFaultAt(atMs: number): boolean {
    return this.history.faults.some((fault) => fault.fromMs <= atMs && atMs <= fault.toMs + fault.settleMs)
  }

  /** `sinceMs`: failures from then on count. */
  #dueAfter(sinceMs: number, baseMs: number): number {
    return dueAfter(this.history.faults, this.bounds.quickMs, sinceMs, baseMs)
  }

  /**
   * With the grace, as far as it is promised. Where a node crashed the user is shown online until it is over, but not
   * for certain on each of their platforms, nor on that node when it is back: to the new process of a node nothing that
   * the old one said of a user counts once it has something to say of them itself.
   */
  #sureSpans(socket: Socket, watcherNode?: number): Span[] {
    const { enteredMs, leftMs, hasGrace, node } = socket
    if (enteredMs === undefined) return []
    const isCrash = this.history.faults.some((fault) => isCrashOf(fault, socket, this.bounds.graceMs))
    const isKept = hasGrace && (!isCrash || (watcherNode !== undefined && watcherNode !== node))
    // A part of the grace is left to the way of the news.
    const keptMs = isKept ? Math.max(0, this.bounds.graceMs - this.bounds.quickMs) : 0
    const toMs = Math.min(leftMs + keptMs, this.#goodbyeAfter(socket, isCrash))
    let spans: Span[] = [{ fromMs: this.knownBy(enteredMs), toMs }]
    for (const fault of this.history.faults) {
      if (!makesUnreachable(fault, node, this.bounds.harmlessMs)) continue
      const gap = { fromMs: fault.fromMs, toMs: this.knownBy(fault.toMs) }
      spans = spans.flatMap((span) => [
        { fromMs: span.fromMs, toMs: Math.min(span.toMs, gap.fromMs) },
        { fromMs: Math.max(span.fromMs, gap.toMs), toMs: span.toMs },
      ])
    }
    return spans.filter(({ fromMs, toMs }) => fromMs < toMs)
  }

  /** When the user, back on the platform, said goodbye: what was held for them until then is given up. */
  #goodbyeAfter({ userId, platformId, leftMs }: Socket, isOfAny: boolean): number {
    const isTheirs = (one: Socket) => one.userId === userId && (isOfAny || one.platformId === platformId)
    const goodbyes = this.sockets.filter((one) => isTheirs(one) && one.leftMs > leftMs && !one.hasGrace)
    return Math.min(...goodbyes.map((one) => one.leftMs))
  }

  #spans(
    cache: Map<string, Span[]>,
    userId: UserId,
    platformId: PlatformId,
    spansOf: (socket: Socket) => Span[],
  ): Span[] {
    const key = `${userId} ${platformId}`
    let spans = cache.get(key)
    if (spans === undefined) {
      const mine = this.sockets.filter((one) => one.userId === userId && one.platformId === platformId)
      spans = merged(mine.flatMap(spansOf))
      cache.set(key, spans)
    }
    return spans
  }
}

/** A socket on a node that the others cannot reach for long is not healthy. */
function makesUnreachable(
  { name, node: struck, fromMs, toMs }: FaultRecord,
  node: number,
  ms: number,
): boolean {
  return (name === 'pauseNode' || name === 'partition') && struck === node && toMs - fromMs > ms
}

/** The node crashed while the socket was open, or held for its grace. */
function isCrashOf(
  { name, node: struck, fromMs }: FaultRecord,
  { node, leftMs }: Socket,
  graceMs: number,
): boolean {
  const isLoss = name === 'crashNode' || name === 'restartNode'
  return isLoss && struck === node && leftMs <= fromMs && fromMs <= leftMs + graceMs
}

// The rules

function checkGhosts(facts: Facts, watch: Watch): Violation[] {
  const violations: Violation[] = []
  for (const platformId of facts.platformsOf(watch.userId)) {
    const perhaps = facts.perhaps(watch.userId, platformId)
    for (const shown of shownSpans(watch, platformId)) {
      const atMs = firstOutside(shown, perhaps)
      if (atMs === undefined) continue
      const what = `${name(watch)} still shows platform ${platformId}, where nobody is`
      violations.push({ rule: 'no ghost', atMs, what })
    }
  }
  return violations
}

function checkOffline(facts: Facts, watch: Watch): Violation[] {
  const violations: Violation[] = []
  const node = facts.nodeOf(watch.watcher)
  for (const platformId of facts.platformsOf(watch.userId)) {
    const surely = facts.surely(watch.userId, platformId)
    for (const [at, { atMs, platformIds }] of watch.told.entries()) {
      if (platformIds.includes(platformId) || facts.isCatchingUp(node, atMs)) continue
      const span = surely.find(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)
      if (span === undefined) continue
      const before = watch.told[at - 1]
      const wasShown = before?.platformIds.includes(platformId) && before.atMs < span.toMs
      // What is said first, while something fails, may be what one node knows.
      if (!wasShown && (before !== undefined || facts.hasFaultAt(atMs))) continue
      const what = `${name(watch)} shows nobody on platform ${platformId}, where they are`
      violations.push({ rule: 'no false offline', atMs, what })
    }
  }
  const online = facts.surelyOnline(watch.userId, node)
  for (const [at, { atMs, platformIds }] of watch.told.entries()) {
    const before = watch.told[at - 1]?.platformIds ?? []
    if (platformIds.length > 0 || before.length === 0 || facts.isCatchingUp(node, atMs)) continue
    if (!online.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)) continue
    violations.push({ rule: 'no false offline', atMs, what: `${name(watch)} shows them as offline` })
  }
  return violations
}

/** Who came is shown in time. */
function checkArrivals(facts: Facts, watch: Watch): Violation[] {
  const violations: Violation[] = []
  const watchedMs = facts.knownBy(watch.fromMs)
  for (const platformId of facts.platformsOf(watch.userId)) {
    for (const span of facts.surely(watch.userId, platformId)) {
      const atMs = Math.max(span.fromMs, watchedMs)
      if (atMs >= Math.min(span.toMs, watch.toMs, facts.history.endMs)) continue
      if (viewAt(watch, atMs)?.includes(platformId)) continue
      const what = `${name(watch)} does not show platform ${platformId} yet`
      violations.push({ rule: 'convergence', atMs, what })
    }
  }
  return violations
}

function checkEnd(facts: Facts, watch: Watch): Violation[] {
  const { endMs } = facts.history
  if (watch.toMs <= endMs) return []
  const [view, truth] = [viewAt(watch, endMs), facts.truth(watch.userId)]
  if (view?.join() === truth.join()) return []
  const what = `${name(watch)} shows [${view}] in the end, the sockets say [${truth}]`
  return [{ rule: 'convergence', atMs: endMs, what }]
}

function checkRecords(facts: Facts): Violation[] {
  return facts.history.events.flatMap((event): Violation[] => {
    if (event.kind !== 'recorded') return []
    const truth = facts.truth(event.userId)
    if (event.platformIds.join() === truth.join()) return []
    const what = `the store has ${event.userId} on [${event.platformIds}], the sockets say [${truth}]`
    return [{ rule: 'convergence', atMs: event.atMs, what }]
  })
}

/** Version 0 says that there is no record: it is neither older nor newer. */
function checkVersions(events: HistoryEvent[]): Violation[] {
  const newest = new Map<string, number>()
  return events.flatMap((event): Violation[] => {
    if (event.kind !== 'learnt' || event.version === 0) return []
    const key = `${event.learner} ${event.userId}`
    const before = newest.get(key) ?? 0
    newest.set(key, Math.max(before, event.version))
    if (event.version >= before) return []
    const what = `${event.learner} went back from ${before} to ${event.version} of ${event.userId}`
    return [{ rule: 'monotone', atMs: event.atMs, what }]
  })
}

function checkEnds(events: HistoryEvent[]): Violation[] {
  return events.flatMap((event): Violation[] => {
    if (event.kind !== 'left' || !event.isPutOut) return []
    return [{ rule: 'no false end', atMs: event.atMs, what: `the node of socket ${event.socket} closed it` }]
  })
}

function viewAt({ told }: Watch, atMs: number): PlatformId[] | undefined {
  return told.findLast((one) => one.atMs <= atMs)?.platformIds
}

function shownSpans({ told, toMs }: Watch, platformId: PlatformId): Span[] {
  return told.flatMap(({ atMs, platformIds }, at) =>
    platformIds.includes(platformId) ? [{ fromMs: atMs, toMs: told[at + 1]?.atMs ?? toMs }] : [],
  )
}

function merged(spans: Span[]): Span[] {
  const list: Span[] = []
  for (const span of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = list.at(-1)
    if (last === undefined || last.toMs < span.fromMs) list.push({ ...span })
    else last.toMs = Math.max(last.toMs, span.toMs)
  }
  return list
}

/** The first moment of the span that none of the others covers. */
function firstOutside(span: Span, others: Span[]): number | undefined {
  const cover = others.find(({ fromMs, toMs }) => fromMs <= span.fromMs && span.fromMs < toMs)
  if (cover === undefined) return span.fromMs
  return cover.toMs < span.toMs ? cover.toMs : undefined
}

function name({ watcher, userId }: Watch): string {
  return `watcher ${watcher} of ${userId}`
}
