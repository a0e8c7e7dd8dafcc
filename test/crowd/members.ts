/**
 * A population of clients that know what they are: whose, on which platform, at which node, open or not.
 *
 * A client that loses its socket comes back to any node that lives, after a little while that differs from one to another, as
 * OpenIM's SDK does. What becomes of each client is known here before any node knows it, so the crowd can say of a
 * user who is shown offline whether that may be.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CloseCode } from '../../src/openim/close-codes.js'
import { isTokenRefused } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { LightClient } from '../../src/sdk/light-client.js'
import { ConnectRefusedError } from '../../src/sdk/openim-handshake.js'
import { inParallel } from '../support/in-parallel.js'

/** Where clients may go. */
export interface Home {
  nodeId: string
  port: number
}

export interface CrowdOptions {
  users: number
  /** Before each user's ID. */
  prefix?: string
  /** Each so-many-th user has a second device. */
  twoDevicesEach?: number
  /** Nodes that take logins, as clients would find them. */
  homes(): Home[]
  /** A good token; asked once for each client, and again when it was refused for its token. */
  token(userId: UserId, platformId: PlatformId): Promise<string>
  /** The nodes' OFFLINE_GRACE_MS. */
  graceMs: number
  random(): number
}

const LOGINS_AT_ONCE = 48
/** First wait before coming back; each refusal doubles it up to the longest. Half to all of it is waited. */
const RETURN_MS = 800
const RETURN_MAX_MS = 3_000
/** How long somebody is away in the churn, about. */
const ABSENT_MS = 2_000
/** A node may see the end of a socket so much before its client does. */
const EARLY_MS = 300
/** A change that was due may be told so long after it was overtaken. */
const LATE_MS = 2_000

export type MemberState = 'open' | 'coming' | 'away'

export class Member {
  state: MemberState = 'away'
  /** Where it is, or was last. */
  home: Home | undefined
  client: LightClient | undefined
  /** When watchers may begin to be told that it has gone. */
  goneFromMs = Number.NEGATIVE_INFINITY
  /** When its socket opened, or ended. */
  changedMs = 0
  /** Set while it may not come back by itself. */
  isHeldBack = false

  constructor(
    readonly userId: UserId,
    readonly platformId: PlatformId,
  ) {}

  get isOpen(): boolean {
    return this.state === 'open'
  }
}

export class Crowd {
  readonly members: Member[] = []
  readonly byUser = new Map<UserId, Member[]>()
  /** Sockets that a node cut which nobody had told to go, in words. */
  readonly cuts: string[] = []
  /** Tokens that were refused and had to be made anew. */
  newTokens = 0
  /** Refusals of any kind; clients come again. */
  refusals = 0
  /** By error code, and what was said with it first. */
  readonly refusedWith = new Map<string, number>()
  readonly #options: CrowdOptions
  readonly #tokens = new Map<Member, string>()
  /** Of users who came back after they could rightly be shown offline: until when that may still be told. */
  readonly #lateUntilMs = new Map<UserId, number>()
  /** Users whose sockets hang at a node that is not well: what is told of them is right either way. */
  readonly #excused = new Set<UserId>()
  #churn: NodeJS.Timeout | undefined
  /** Who left in the churn, and when they come back. */
  readonly #absent = new Map<Member, NodeJS.Timeout>()
  #isOver = false

  constructor(options: CrowdOptions) {
    this.#options = options
    const { users, prefix = 'user', twoDevicesEach = 10 } = options
    for (let n = 0; n < users; n++) {
      const userId = `${prefix}-${n}`
      const platforms = n % twoDevicesEach === 0 ? [Platform.Android, Platform.Web] : [Platform.Android]
      const devices = platforms.map((platformId) => new Member(userId, platformId))
      this.members.push(...devices)
      this.byUser.set(userId, devices)
    }
  }

  get userIds(): UserId[] {
    return [...this.byUser.keys()]
  }

  get openCount(): number {
    return this.members.reduce((sum, member) => sum + Number(member.isOpen), 0)
  }

  /** Clients whose socket is at that node. */
  at(nodeId: string): Member[] {
    return this.members.filter((member) => member.isOpen && member.home!.nodeId === nodeId)
  }

  /** Platforms with an open socket, ascending. */
  platformsOf(userId: UserId): PlatformId[] {
    return this.byUser
      .get(userId)!
      .filter((member) => member.isOpen)
      .map((member) => member.platformId)
      .sort((a, b) => a - b)
  }

  isOnTheWay(userId: UserId): boolean {
    return this.byUser.get(userId)!.some((member) => member.state === 'coming')
  }

  /** Whether it is right that somebody is told now that the user is offline. */
  mayBeOffline(userId: UserId): boolean {
    if (this.#excused.has(userId)) return true
    const nowMs = performance.now()
    if (nowMs < (this.#lateUntilMs.get(userId) ?? 0)) return true
    return this.#isGone(userId, nowMs)
  }

  #isGone(userId: UserId, nowMs: number): boolean {
    return this.byUser.get(userId)!.every((member) => !member.isOpen && member.goneFromMs <= nowMs)
  }

  /** Their devices, in words. */
  describe(userId: UserId): string {
    const nowMs = performance.now()
    const devices = this.byUser.get(userId)!.map(({ platformId, state, home, changedMs }) => {
      return `${platformId} ${state} at ${home?.nodeId} for ${Math.round(nowMs - changedMs)} ms`
    })
    return devices.join(', ')
  }

  excuse(userIds: readonly UserId[]): void {
    for (const userId of userIds) this.#excused.add(userId)
  }

  /** From now on everyone counts again. */
  excuseNobody(): void {
    this.#excused.clear()
  }

  /** All of them log in, spread over the nodes. */
  async come(members: readonly Member[] = this.members): Promise<void> {
    await inParallel(members, LOGINS_AT_ONCE, (member) => this.#bring(member, 0))
  }

  /** They say goodbye, and stay away until `come`. */
  leave(members: readonly Member[]): void {
    for (const member of members) {
      if (!member.isOpen) continue
      member.isHeldBack = true
      this.#gone(member, 0)
      member.client!.leave()
    }
  }

  /** They break off without a goodbye. `comeBack`: as clients do that lost their way for a moment. */
  break(members: readonly Member[], { comeBack = true } = {}): void {
    for (const member of members) {
      if (!member.isOpen) continue
      member.isHeldBack = !comeBack
      this.#gone(member, this.#options.graceMs)
      member.client!.breakOff()
      if (comeBack) void this.#bring(member, RETURN_MS)
    }
  }

  /** Whoever of them loses their socket from now on stays away until `come`. */
  holdBack(members: readonly Member[]): void {
    for (const member of members) member.isHeldBack = true
  }

  /** So many a second, in turn: some break and come back at once, some leave and come back later. */
  startChurn(perSecond: number): void {
    const { random } = this.#options
    this.#churn = setInterval(() => {
      const member = this.members[Math.floor(random() * this.members.length)]!
      if (!member.isOpen) return
      if (random() < 0.7) return this.break([member])
      this.leave([member])
      const back = () => {
        this.#absent.delete(member)
        void this.come([member])
      }
      this.#absent.set(member, setTimeout(back, ABSENT_MS * (0.5 + random())))
    }, 1_000 / perSecond)
  }

  /** Whoever left in it comes back at once. */
  stopChurn(): void {
    clearInterval(this.#churn)
    this.#churn = undefined
    const absent = [...this.#absent.keys()]
    for (const timer of this.#absent.values()) clearTimeout(timer)
    this.#absent.clear()
    void this.come(absent)
  }

  end(): void {
    this.#isOver = true
    this.stopChurn()
    for (const member of this.members) member.client?.breakOff()
  }

  #gone(member: Member, afterMs: number): void {
    member.state = 'away'
    member.changedMs = performance.now()
    member.goneFromMs = member.changedMs + afterMs - EARLY_MS
  }

  /** Log it in wherever it can, however often it takes. */
  async #bring(member: Member, afterMs: number): Promise<void> {
    const { random, homes } = this.#options
    if (member.state !== 'away') return
    member.state = 'coming'
    member.isHeldBack = false
    let waitMs = afterMs
    while (!this.#isOver) {
      if (waitMs > 0) await sleep(waitMs * (0.5 + random() / 2))
      const places = homes()
      const home = places[Math.floor(random() * places.length)]
      if (home !== undefined && (await this.#login(member, home))) return
      waitMs = Math.min(RETURN_MAX_MS, Math.max(RETURN_MS, 2 * waitMs))
    }
  }

  async #login(member: Member, home: Home): Promise<boolean> {
    const { userId, platformId } = member
    let token = this.#tokens.get(member)
    try {
      if (token === undefined) {
        token = await this.#options.token(userId, platformId)
        this.#tokens.set(member, token)
      }
      const client: LightClient = await LightClient.login(
        { host: '127.0.0.1', port: home.port },
        { userId, platformId, token },
        {
          ended: ({ closeCode = CloseCode.NoCloseFrame }) => {
            // It was the client that went; or it has a newer socket.
            if (member.client === client && member.isOpen) this.#lost(member, home, closeCode)
          },
        },
      )
      this.#opened(member, home, client)
      return true
    } catch (error) {
      this.#refused(member, error as Error)
      return false
    }
  }

  #opened(member: Member, home: Home, client: LightClient): void {
    const nowMs = performance.now()
    if (this.#isGone(member.userId, nowMs)) this.#lateUntilMs.set(member.userId, nowMs + LATE_MS)
    member.state = 'open'
    member.changedMs = nowMs
    member.home = home
    member.client = client
  }

  /** A socket ended that its client did not end. */
  #lost(member: Member, home: Home, code: number): void {
    const isAtHome = this.#options
      .homes()
      .some(({ nodeId, port }) => nodeId === home.nodeId && port === home.port)
    if (isAtHome && !this.#isOver) {
      this.cuts.push(`${member.userId}/${member.platformId} was cut by ${home.nodeId}, which lives (${code})`)
    }
    this.#gone(member, this.#options.graceMs)
    if (!member.isHeldBack) void this.#bring(member, RETURN_MS)
  }

  #refused(member: Member, error: Error): void {
    this.refusals++
    const reason = error.message.slice(0, 120)
    this.refusedWith.set(reason, (this.refusedWith.get(reason) ?? 0) + 1)
    if (!(error instanceof ConnectRefusedError && isTokenRefused(error.errCode))) return
    this.newTokens++
    this.#tokens.delete(member)
  }
}
