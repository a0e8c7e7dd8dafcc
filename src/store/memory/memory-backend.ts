/**
 * The records of the embedded store. Production has one MemoryStore on it; tests put several nodes on one backend
 * to see that it behaves as Redis does.
 *
 * Plain calls, no timers: what has expired is left out when it is read, and each write also clears a few old
 * records, so that memory follows the number of living users.
 */

import type { AnyNote } from '../../protocol/node/notes.js'
import { holderOf, splitHolder } from '../../rules/cluster/holder.js'
import type {
  Assertion,
  Claim,
  Holder,
  SeatOutcome,
  SeatRequest,
  Snapshot,
  UserId,
} from '../../rules/types.js'
import type { Incarnation } from '../ports/node-registry.js'
import type { NodeSettings, StoreEvents } from '../ports/store.js'
import { hear } from '../shared/hear.js'
import { REFILL_S, TOMBSTONE_S } from '../shared/record-lives.js'
import { NodeRegistry } from './registry.js'
import { SeatRecords } from './seat-records.js'
import { type TokenJournal, TokenRecords } from './token-records.js'

/** Records looked at for each write. More than one, so that the sweep overtakes the growth. */
const SWEPT_PER_WRITE = 3

interface UserRecord {
  version: number
  /** `platform@holder` -> claim, and its expiry. */
  claims: Map<string, Claim & { expiresAtS: number }>
  versionExpiresAtS: number
  partialUntilS: number
  /** Node -> which of its incarnations wants to know, and until when. */
  watches: Map<string, { epoch: number; endS: number }>
}

/** What one node hears from others. */
type Listener = Pick<StoreEvents, 'changed' | 'nodeMessage'>

/** What an assertion came to. `watchers`: others who want to know; only of a change. */
export interface Asserted {
  version: number
  changed?: Snapshot
  watchers: Holder[]
}

export class MemoryBackend {
  readonly registry: NodeRegistry
  readonly tokens: TokenRecords
  readonly #nowMs: () => number
  readonly #users = new Map<UserId, UserRecord>()
  readonly #seats = new SeatRecords()
  readonly #listeners = new Map<string, Listener>()
  #userSweep: Iterator<[UserId, UserRecord]> | undefined

  /**
   * `nowMs`: ms, the one clock of the store; it must only rise, at the pace of time: claims must not expire because the
   * machine's clock was set, or the machine slept. `openJournal`: where tokens outlive the process, if they do;
   * `wallMs`: Unix ms, for what is written there.
   */
  constructor(nowMs: () => number, openJournal?: () => TokenJournal, wallMs: () => number = nowMs) {
    this.#nowMs = nowMs
    this.registry = new NodeRegistry(nowMs)
    this.tokens = new TokenRecords(nowMs, openJournal, wallMs)
  }

  /** Why the last write of tokens failed, in words; undefined = it did not. */
  get diskFault(): string | undefined {
    return this.tokens.diskFault
  }

  /** Close the journal of the tokens; the next `register` opens it again. */
  async close(): Promise<void> {
    await this.tokens.close()
  }

  /** Throws what opening the journal throws. */
  register(settings: NodeSettings, listener: Listener): Incarnation {
    this.tokens.open()
    this.#listeners.set(settings.nodeId, listener)
    return this.registry.register(settings)
  }

  /** Stop listening for the node, unless a later incarnation has taken over. */
  removeListener(nodeId: string, listener: Listener): void {
    if (this.#listeners.get(nodeId) === listener) this.#listeners.delete(nodeId)
  }

  takeSeat(request: SeatRequest, holder: Holder, ttlS: number, onlyLiving: boolean): SeatOutcome {
    return this.#seats.take(
      request,
      holder,
      ttlS,
      this.#nowS(),
      onlyLiving ? this.registry.living() : undefined,
    )
  }

  assert(assertion: Assertion, holder: Holder, ttlS: number): Asserted {
    this.#sweep()
    const nowS = this.#nowS()
    const { userId, platformIds, versionSeen, isLogin, seats } = assertion
    if (seats !== undefined) this.#seats.keep(userId, seats, holder, ttlS, nowS)
    const user = this.#user(userId, nowS) ?? newUser()
    const { nodeId, epoch } = splitHolder(holder)
    let changed = versionSeen > user.version
    for (const [member, claim] of user.claims) {
      const isOwn = claim.holder === holder
      const isAsserted = isOwn && platformIds.includes(claim.platformId)
      const has = splitHolder(claim.holder)
      const isGone = isOwn || claim.expiresAtS <= nowS || (has.nodeId === nodeId && has.epoch < epoch)
      if (isAsserted || !isGone) continue
      user.claims.delete(member)
      changed = true
    }
    for (const platformId of platformIds) {
      const member = `${platformId}@${holder}`
      if (!user.claims.has(member)) changed = true
      user.claims.set(member, { platformId, holder, expiresAtS: nowS + ttlS })
    }
    const isNumbered = changed || isLogin === true
    if (!isNumbered && platformIds.length === 0) return { version: user.version, watchers: [] }

    if (isNumbered) {
      if (user.version === 0 || versionSeen > user.version) user.partialUntilS = nowS + REFILL_S
      user.version = Math.max(Math.floor(this.#nowMs() * 1000), user.version + 1, versionSeen + 1)
    }
    const claimsEndS = Math.max(0, ...[...user.claims.values()].map((claim) => claim.expiresAtS))
    user.versionExpiresAtS = claimsEndS > 0 ? claimsEndS : nowS + TOMBSTONE_S
    this.#users.set(userId, user)
    if (!isNumbered) return { version: user.version, watchers: [] }
    // A number concerns only the node of the login.
    if (!changed) return { version: user.version, changed: this.read(userId), watchers: [] }
    for (const [watcher, { endS }] of user.watches) if (endS <= nowS) user.watches.delete(watcher)
    const watchers = [...user.watches].flatMap(([watcher, watch]) =>
      watcher === nodeId ? [] : [holderOf(watcher, watch.epoch)],
    )
    return { version: user.version, changed: this.read(userId), watchers }
  }

  /** The users that the holder has claims on. */
  heldBy(holder: Holder): UserId[] {
    const nowS = this.#nowS()
    const isHeld = ({ claims, versionExpiresAtS }: UserRecord) =>
      versionExpiresAtS > nowS && [...claims.values()].some((claim) => claim.holder === holder)
    return [...this.#users].filter(([, user]) => isHeld(user)).map(([userId]) => userId)
  }

  read(userId: UserId): Snapshot {
    const nowS = this.#nowS()
    const user = this.#user(userId, nowS)
    if (!user) return { userId, version: 0, claims: [], foreign: [] }
    const claims = [...user.claims.values()].filter((claim) => claim.expiresAtS > nowS)
    claims.sort((a, b) => a.platformId - b.platformId || (a.holder < b.holder ? -1 : 1))
    const copies = claims.map(({ platformId, holder }) => ({ platformId, holder }))
    const snapshot: Snapshot = { userId, version: user.version, claims: copies, foreign: [] }
    if (user.partialUntilS > nowS && user.version > 0) snapshot.isPartial = true
    return snapshot
  }

  watch(userId: UserId, holder: Holder, ttlS: number): Snapshot {
    this.#sweep()
    const nowS = this.#nowS()
    const user = this.#user(userId, nowS) ?? newUser()
    const { nodeId, epoch } = splitHolder(holder)
    user.watches.set(nodeId, { epoch, endS: nowS + ttlS })
    this.#users.set(userId, user)
    return this.read(userId)
  }

  unwatch(userId: UserId, nodeId: string): void {
    this.#sweep()
    this.#users.get(userId)?.watches.delete(nodeId)
  }

  /** Soon, in order, never inside the call that sends it. Lost when the node is not there. */
  deliver(nodeId: string, note: AnyNote, from: Holder): void {
    const sent = structuredClone(note)
    queueMicrotask(() => {
      const listener = this.#listeners.get(nodeId)
      if (listener) hear(listener, sent, from)
    })
  }

  /**
   * Remember the presence records and the registry as they are. What is returned puts them back: what a fail-over to a
   * replica that lagged does. Tokens and seats stay.
   */
  checkpoint(): () => void {
    const users = structuredClone(this.#users)
    const restoreRegistry = this.registry.checkpoint()
    return () => {
      this.#users.clear()
      for (const [userId, user] of users) this.#users.set(userId, user)
      this.#userSweep = undefined
      restoreRegistry()
    }
  }

  /** How many users and users' tokens are held, expired ones that no sweep has met yet included. */
  get recordCount(): number {
    return this.#users.size + this.tokens.size
  }

  #nowS(): number {
    return Math.floor(this.#nowMs() / 1000)
  }

  /** A user's record, without a version and claims that have outlived themselves. */
  #user(userId: UserId, nowS: number): UserRecord | undefined {
    const user = this.#users.get(userId)
    if (user && user.versionExpiresAtS <= nowS) {
      user.version = 0
      user.claims.clear()
    }
    return user
  }

  #sweep(): void {
    const nowS = this.#nowS()
    this.#userSweep ??= this.#users.entries()
    for (let i = 0; i < SWEPT_PER_WRITE; i++) {
      const user = this.#userSweep.next()
      if (!user.done && hasExpired(user.value[1], nowS)) this.#users.delete(user.value[0])
      if (user.done) this.#userSweep = this.#users.entries()
    }
    this.tokens.sweep()
  }
}

function newUser(): UserRecord {
  return { version: 0, claims: new Map(), versionExpiresAtS: 0, partialUntilS: 0, watches: new Map() }
}

function hasExpired(user: UserRecord, nowS: number): boolean {
  if (user.versionExpiresAtS > nowS) return false
  for (const { endS } of user.watches.values()) if (endS > nowS) return false
  return true
}
