/** A process of the load generator: a part of the clients, their coming and going, and what they count. */
import { isTokenRefused, WireCode } from '../../src/openim/codes.js'
import type { SubUserOnlineStatusElem } from '../../src/openim/proto/openim.js'
import { type Account, LightClient, type LightEvents, type Refusal } from '../../src/sdk/light-client.js'
import type { SocketEnd, Target } from '../../src/sdk/light-socket.js'
import { startCpu } from '../support/measure.js'
import { randomOf, watchedBy } from './choices.js'
import { emptyCounts, type LoadCounts, record, refuse } from './counts.js'

/** What a process is to do. Rates are its own part of them, a second. */
export interface LoadOrder {
  verb: 'begin'
  targets: Target[]
  accounts: Account[]
  /** Place of its first account among the users of all processes. */
  first: number
  /** Users of all processes, in order. */
  userIds: string[]
  watch: number
  loginsPerS: number
  churnPerS: number
  seed: number
}

export type LoadAnswer =
  /** The first login is on its way. */
  | { verb: 'begun' }
  /**
   * Each second. `cpu`: of a core, since the last. `loop`: part of the time in which there was something to do; on a
   * machine that gives this process too little it is full long before the core is. `isLast`: after `stop`.
   */
  | { verb: 'counted'; counts: LoadCounts; cpu: number; loop: number; isLast: boolean }
  | { verb: 'failed'; reason: string }

/** Of a gateway under load. */
const LOGIN_WITHIN_MS = 30_000
const TICK_MS = 20
const REPORT_MS = 1_000
/** Logins on their way at one time; more would only queue in front of a gateway that is slower than the rate. */
const LOGINS_IN_FLIGHT_MAX = 256
/** Each client pings as OpenIM's native ones do. */
const PING_EVERY_S = 24
/** Whoever left comes back after so long, less than OFFLINE_GRACE_MS by default. */
const AWAY_MS = 1_000
/** As OpenIM's clients wait after failures that a repetition may mend. */
const RETRY_S = [1, 2, 4, 8, 16]
/** Clients that decode what they are told, to take the time of it. */
const PROBES = 4
/** Tries to find somebody by chance who can leave. */
const CHOICES_MAX = 20
/** After these a client of OpenIM does not try again: it asks for another token, or gives up. */
const isForGood = (errCode: number) => isTokenRefused(errCode) || FOR_GOOD.has(errCode)
const FOR_GOOD: ReadonlySet<number> = new Set([
  WireCode.NoPermissionError,
  WireCode.ConnArgsErr,
  WireCode.LoginConflict,
  WireCode.TooManyConnectionsOfUser,
])

/** One user's device, through all its connections. */
interface Device {
  readonly index: number
  readonly account: Account
  readonly isProbe: boolean
  client: LightClient | undefined
  state: 'away' | 'joining' | 'open' | 'leaving' | 'gone'
  /** It was let in, or refused for good, at least once. */
  isTried: boolean
  hasBeenIn: boolean
  failures: number
  /** It left in such a way that watchers were told: its next login is a change that a probe may see. */
  isSeenOffline: boolean
}

class LoadProcess {
  readonly #counts = emptyCounts()
  readonly #devices: Device[]
  readonly #random: () => number
  /** Whose turn it is to log in, in order, from `#next` on. */
  #queue: Device[]
  #next = 0
  #inFlight = 0
  #loginsDue = 0
  #churnDue = 0
  #leavesCleanly = true
  readonly #startedMs = performance.now()
  #lastTickMs = performance.now()
  #pingAt = 0
  #isOver = false
  /** Churned logins that a probe is to see: when the verdict came; undefined = it has not come yet. */
  readonly #expected = new Map<string, number | undefined>()
  #cpuSeconds = startCpu()
  #loopBefore = performance.eventLoopUtilization()
  #reportedMs = performance.now()
  readonly #timers: NodeJS.Timeout[] = []

  constructor(private readonly order: LoadOrder) {
    const probes = order.watch > 0 ? Math.min(PROBES, Math.floor(order.accounts.length / 2)) : 0
    this.#devices = order.accounts.map((account, index) => ({
      index,
      account,
      isProbe: index < probes,
      client: undefined,
      state: 'away',
      isTried: false,
      hasBeenIn: false,
      failures: 0,
      isSeenOffline: false,
    }))
    this.#queue = [...this.#devices]
    this.#random = randomOf(order.seed + order.first)
  }

  begin(): void {
    this.#timers.push(
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#ping(), 1_000),
      setInterval(() => this.#report(false), REPORT_MS),
    )
  }

  /** What comes from now on is not counted. */
  stop(): void {
    this.#isOver = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#report(true)
  }

  /** To be called when all processes have stopped: one that still counts would count the pushes of these goodbyes. */
  goHome(): void {
    for (const { client } of this.#devices) client?.goodbye()
  }

  #tick(): void {
    const nowMs = performance.now()
    const seconds = (nowMs - this.#lastTickMs) / 1_000
    this.#lastTickMs = nowMs
    const { loginsPerS, churnPerS, accounts } = this.order
    // What could not be done in time is not made up for later: that would be another rate.
    this.#loginsDue = Math.min(this.#loginsDue + seconds * loginsPerS, Math.max(1, loginsPerS))
    while (this.#loginsDue >= 1 && this.#next < this.#queue.length && this.#inFlight < LOGINS_IN_FLIGHT_MAX) {
      this.#loginsDue--
      this.#logIn(this.#queue[this.#next++]!)
    }
    if (this.#next === this.#queue.length && this.#next > 0) {
      this.#queue = []
      this.#next = 0
    }
    if (this.#counts.tried < accounts.length) return
    this.#churnDue = Math.min(this.#churnDue + seconds * churnPerS, Math.max(1, churnPerS))
    while (this.#churnDue >= 1) {
      this.#churnDue--
      this.#leave()
    }
  }

  /** Somebody leaves, by turns with a logout and without a word. */
  #leave(): void {
    for (let tries = 0; tries < CHOICES_MAX; tries++) {
      const device = this.#devices[Math.floor(this.#random() * this.#devices.length)]!
      if (device.isProbe || device.state !== 'open' || !device.client!.isSettled) continue
      device.state = 'leaving'
      this.#counts.connected--
      device.isSeenOffline = this.#leavesCleanly
      if (this.#leavesCleanly) {
        this.#counts.cleanLogouts++
        device.client!.logOut()
      } else {
        this.#counts.breaks++
        device.client!.breakOff()
      }
      this.#leavesCleanly = !this.#leavesCleanly
      return
    }
  }

  #logIn(device: Device): void {
    device.state = 'joining'
    this.#inFlight++
    const { targets, first } = this.order
    const target = targets[(first + device.index) % targets.length]!
    device.client = new LightClient(target, device.account, this.#eventsOf(device), LOGIN_WITHIN_MS)
    if (device.isSeenOffline && this.#isProbed(device)) this.#expected.set(device.account.userId, undefined)
  }

  #eventsOf(device: Device): LightEvents {
    const counts = this.#counts
    return {
      loggedIn: (client) => this.#isOver || this.#loggedIn(device, client),
      subscribed: (errCode, errMsg, statuses, ms) => {
        if (this.#isOver) return
        record(counts.subscription, ms)
        if (errCode !== 0) return refuse(counts, String(errCode), errMsg)
        counts.watchesAnswered += statuses.length
        counts.watchedOnline += statuses.filter(
          ({ onlinePlatformIDs }) => onlinePlatformIDs.length > 0,
        ).length
      },
      pushed: (bytes) => {
        if (this.#isOver) return
        counts.pushes++
        counts.bytes += bytes
      },
      ...(device.isProbe && { told: (statuses) => this.#isOver || this.#told(statuses) }),
      kicked: () => {
        if (this.#isOver) return
        counts.kicks++
        counts.gaveUp++
        if (device.state === 'open') counts.connected--
        device.state = 'gone'
      },
      ended: (end, refusal) => this.#isOver || this.#ended(device, end, refusal),
    }
  }

  #loggedIn(device: Device, client: LightClient): void {
    const counts = this.#counts
    const nowMs = performance.now()
    this.#inFlight--
    record(counts.login, nowMs - client.startedMs)
    if (device.hasBeenIn) counts.laterLogins++
    else counts.firstLogins++
    device.hasBeenIn = true
    device.state = 'open'
    device.failures = 0
    counts.connected++
    this.#tried(device)
    if (this.#expected.has(device.account.userId)) this.#expected.set(device.account.userId, nowMs)
    device.isSeenOffline = false
    const watched = this.#watchedBy(device)
    if (watched.length > 0) counts.watchRequests += client.subscribe(watched)
  }

  /** Probes watch clients of their own process, others anybody. */
  #watchedBy({ index, isProbe }: Device): string[] {
    const { watch, userIds, accounts, first, seed } = this.order
    if (!isProbe) return watchedBy(first + index, watch, userIds.length, seed).map((other) => userIds[other]!)
    const count = Math.min(watch, accounts.length - 1)
    return Array.from({ length: count }, (_, n) => accounts[this.#probed(index, n)]!.userId)
  }

  /** The nth user that a probe watches: each probe begins where the one before it ended. */
  #probed(probe: number, n: number): number {
    const { length } = this.order.accounts
    return (probe + 1 + ((probe * this.order.watch + n) % (length - 1))) % length
  }

  #isProbed({ index }: Device): boolean {
    const { watch, accounts } = this.order
    const { length } = accounts
    for (let probe = 0; probe < PROBES && this.#devices[probe]?.isProbe; probe++) {
      const place = (index - probe - 1 + length) % length
      const from = (probe * watch) % (length - 1)
      if ((place - from + length - 1) % (length - 1) < Math.min(watch, length - 1)) return true
    }
    return false
  }

  #told(statuses: SubUserOnlineStatusElem[]): void {
    for (const { userID, onlinePlatformIDs } of statuses) {
      if (onlinePlatformIDs.length === 0 || !this.#expected.has(userID)) continue
      const verdictMs = this.#expected.get(userID)
      this.#expected.delete(userID)
      // Watchers may well be told before the user's own client has read its verdict.
      record(this.#counts.change, verdictMs === undefined ? 0 : performance.now() - verdictMs)
    }
  }

  #ended(device: Device, end: SocketEnd, refusal: Refusal | undefined): void {
    const { state } = device
    device.client = undefined
    if (state === 'gone') return
    if (state === 'open') this.#counts.connected--
    if (state === 'leaving') return this.#later(device, AWAY_MS)
    if (state === 'open') {
      const reason = reasonOf(end)
      this.#counts.disconnects[reason] = (this.#counts.disconnects[reason] ?? 0) + 1
      // Not all at once: what ended many connections is spread over a second.
      return this.#later(device, AWAY_MS * (1 + this.#random()))
    }
    this.#inFlight--
    this.#expected.delete(device.account.userId)
    refuse(
      this.#counts,
      refusal === undefined || refusal.errCode === 0 ? (end.error ?? 'no verdict') : String(refusal.errCode),
      refusal?.text ?? '',
    )
    if (refusal !== undefined && isForGood(refusal.errCode)) {
      device.state = 'gone'
      this.#counts.gaveUp++
      return this.#tried(device)
    }
    const told = /retry after (\d+) s/.exec(refusal?.text ?? '')?.[1]
    const retryS = RETRY_S[Math.min(device.failures++, RETRY_S.length - 1)]!
    this.#later(device, (told === undefined ? retryS : Number(told)) * 1_000)
  }

  #tried(device: Device): void {
    if (device.isTried) return
    device.isTried = true
    this.#counts.tried++
    if (this.#counts.tried === this.#devices.length) {
      this.#counts.triedAfterMs = performance.now() - this.#startedMs
    }
  }

  #later(device: Device, ms: number): void {
    device.state = 'away'
    setTimeout(() => this.#queue.push(device), ms).unref()
  }

  /** Each second those whose turn it is. */
  #ping(): void {
    for (let at = this.#pingAt; at < this.#devices.length; at += PING_EVERY_S) {
      if (this.#devices[at]!.state === 'open') this.#devices[at]!.client!.ping()
    }
    this.#pingAt = (this.#pingAt + 1) % PING_EVERY_S
  }

  #report(isLast: boolean): void {
    const nowMs = performance.now()
    const cpu = (this.#cpuSeconds() * 1_000) / (nowMs - this.#reportedMs)
    const { utilization: loop } = performance.eventLoopUtilization(this.#loopBefore)
    this.#cpuSeconds = startCpu()
    this.#loopBefore = performance.eventLoopUtilization()
    this.#reportedMs = nowMs
    answer({ verb: 'counted', counts: this.#counts, cpu, loop, isLast })
  }
}

function reasonOf({ closeCode, error }: SocketEnd): string {
  if (closeCode !== undefined) return `close code ${closeCode}`
  return error ?? 'closed without a word'
}

function answer(message: LoadAnswer): void {
  if (process.connected) process.send!(message)
}

let running: LoadProcess | undefined
process.on('message', (order: LoadOrder | { verb: 'stop' | 'goHome' }) => {
  if (order.verb !== 'begin') return running?.[order.verb]()
  running = new LoadProcess(order)
  running.begin()
  answer({ verb: 'begun' })
})
// A Ctrl-C in a terminal reaches this process too; the one that started it says when to stop.
process.on('SIGINT', () => {})
process.on('uncaughtException', (error) => {
  answer({ verb: 'failed', reason: error.stack ?? error.message })
})
process.on('disconnect', () => process.exit(0))
