/** The embedded presence store: no server. Presence is gone with the process; tokens need not be. */

import { StoreUnavailableError, StoreUnsuitableError } from '../../errors/errors.js'
import type { Note } from '../../protocol/node/notes.js'
import { append } from '../../rules/append.js'
import { splitHolder } from '../../rules/cluster/holder.js'
import type { TokenDigest } from '../../rules/logins/token-digest.js'
import type {
  Assertion,
  AssertOutcome,
  Holder,
  LoginNumber,
  PlatformId,
  SeatOutcome,
  SeatRequest,
  Snapshot,
  TokenRecord,
  TokenState,
  UserId,
  Whereabouts,
} from '../../rules/types.js'
import type { NodeBus } from '../ports/node-bus.js'
import type { Incarnation, Lease, LeaseRenewal, NodeRegistry } from '../ports/node-registry.js'
import type { PresenceRecords } from '../ports/presence-records.js'
import type { RefreshTokenRecords } from '../ports/refresh-token-records.js'
import type { SeatRecords } from '../ports/seat-records.js'
import type { NodeSettings, Store, StoreEvents } from '../ports/store.js'
import type * as ports from '../ports/token-records.js'
import { nodeIdProblem, userIdProblem } from '../shared/names.js'
import { type Addressed, type Carrier, InProcessCarrier } from './carrier.js'
import type { MemoryBackend } from './memory-backend.js'
import type { TokenRecords } from './token-records.js'

type Ports = PresenceRecords & SeatRecords & ports.TokenRecords & RefreshTokenRecords & NodeRegistry & NodeBus

/**
 * One node's store on a backend, and each of its ports: every call is one step of the backend. Nothing here can be out
 * of reach, so only calls outside open..close fail.
 */
export class MemoryStore implements Store, Ports {
  readonly presence: PresenceRecords = this
  readonly seats: SeatRecords = this
  readonly tokens: ports.TokenRecords = this
  readonly refreshTokens: RefreshTokenRecords = this
  readonly registry: NodeRegistry = this
  readonly bus: NodeBus = this
  readonly #backend: MemoryBackend
  readonly #options: NodeSettings
  readonly #carrier: Carrier
  #opening: { incarnation: Incarnation; events: StoreEvents } | undefined

  /** Throws STORE_UNSUITABLE for a bad node ID. */
  constructor(
    backend: MemoryBackend,
    options: NodeSettings,
    carrier: Carrier = new InProcessCarrier(backend),
  ) {
    const problem = nodeIdProblem(options.nodeId)
    if (problem !== undefined) throw new StoreUnsuitableError(problem)
    this.#backend = backend
    this.#options = options
    this.#carrier = carrier
  }

  async open(events: StoreEvents): Promise<Incarnation> {
    const incarnation = this.#backend.register(this.#options, events)
    this.#opening = { incarnation, events }
    this.#carrier.open(incarnation, events)
    return incarnation
  }

  async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    return this.#assert(batch, this.#opened())
  }

  #assert(batch: Assertion[], holder: Holder): AssertOutcome[] {
    const news = new Map<Holder, Snapshot[]>()
    const outcomes = batch.map((assertion): AssertOutcome => {
      const { userId } = assertion
      const problem = userIdProblem(userId)
      if (problem !== undefined) return { ok: false, userId, error: problem }
      const { version, changed, watchers } = this.#backend.assert(
        assertion,
        holder,
        this.#options.presenceTtlS,
      )
      if (!changed) return { ok: true, userId, version }
      for (const watcher of watchers) append(news, watcher, changed)
      return { ok: true, userId, version, changed }
    })
    const notes = [...news].map(
      ([to, snapshots]): Addressed => ({ to, note: { kind: 'changes', snapshots } }),
    )
    if (notes.length > 0) this.#carrier.tell(notes, holder)
    return outcomes
  }

  async watch(userIds: UserId[]): Promise<Snapshot[]> {
    const holder = this.#opened()
    return served(userIds).map((userId) => this.#backend.watch(userId, holder, this.#options.watchTtlS))
  }

  async unwatch(userIds: UserId[]): Promise<void> {
    const { nodeId } = splitHolder(this.#opened())
    for (const userId of userIds) this.#backend.unwatch(userId, nodeId)
  }

  async read(userIds: UserId[]): Promise<Whereabouts[]> {
    this.#opened()
    return served(userIds).map((userId) => {
      const { claims, foreign } = this.#backend.read(userId)
      return { userId, claims, foreign }
    })
  }

  async renewLease(renewal: LeaseRenewal): Promise<Lease> {
    return this.#backend.registry.renew(this.#opened(), renewal, this.#options)
  }

  async living(): Promise<Holder[]> {
    this.#opened()
    return this.#backend.registry.living()
  }

  async sweep(dead: Holder): Promise<number> {
    this.#opened()
    const userIds = this.#backend.heldBy(dead)
    const seats = { taken: [], asked: [] }
    // As the dead node itself would have done it.
    this.#assert(
      userIds.map((userId) => ({ userId, platformIds: [], versionSeen: 0, seats })),
      dead,
    )
    this.#backend.registry.swept(dead)
    return userIds.length
  }

  async takeSeat(request: SeatRequest, onlyLiving: boolean): Promise<SeatOutcome> {
    return this.#backend.takeSeat(request, this.#opened(), this.#options.presenceTtlS, onlyLiving)
  }

  send(to: Holder, note: Note): void {
    if (this.#opening !== undefined) this.#carrier.send(to, note)
  }

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    return this.#tokensFor(userId).state(userId, platformId, token, this.#opened())
  }

  async tokensOf(userId: UserId): Promise<TokenRecord[]> {
    return this.#tokensFor(userId).all(userId)
  }

  async rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void> {
    await this.#tokensFor(userId).set(userId, platformId, token, 'normal', ttlS)
  }

  async kickTokens(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<void> {
    this.#opened()
    const kicked = this.#tokensFor(userId).kick(userId, platformId, tokens, by, ttlS)
    const note: Note = { kind: 'withdraw', userId, platformId, tokens: kicked.tokens, by }
    for (const to of kicked.relying) this.#carrier.send(to, note)
    await kicked.saved
  }

  async kickedBy(userId: UserId, platformId: PlatformId, token: string): Promise<LoginNumber> {
    return this.#tokensFor(userId).kickedBy(userId, platformId, token)
  }

  async vouchForToken(
    userId: UserId,
    platformId: PlatformId,
    token: string,
    login: LoginNumber,
  ): Promise<void> {
    await this.#tokensFor(userId).vouch(userId, platformId, token, login)
  }

  async forgetTokens(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void> {
    await this.#tokensFor(userId).forget(userId, platformId, tokens)
  }

  async rememberRefresh(
    userId: UserId,
    platformId: PlatformId,
    refresh: TokenDigest,
    ttlS: number,
  ): Promise<void> {
    await this.#tokensFor(userId).rememberRefresh(userId, platformId, refresh, ttlS)
  }

  async takeRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest): Promise<boolean> {
    return this.#tokensFor(userId).takeRefresh(userId, platformId, refresh)
  }

  async forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void> {
    await this.#tokensFor(userId).forgetRefreshes(userId, platformId)
  }

  async discardedCount(): Promise<number> {
    this.#opened()
    return 0
  }

  async ping(): Promise<void> {
    this.#opened()
    // Do not wait for a disk that is full: the presence of this node does not need it.
    void this.#backend.tokens.saveAgain()
  }

  async probeChannel(): Promise<void> {
    this.#opened()
  }

  readonly openingStep = 'the token file'

  async close(leaves: boolean): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    if (opening === undefined) return
    const { holder, previousIncarnations } = opening.incarnation
    if (leaves) this.#backend.registry.leave([holder, ...previousIncarnations])
    this.#carrier.close()
    this.#backend.removeListener(this.#options.nodeId, opening.events)
  }

  /** Throws for a user who could have none. */
  #tokensFor(userId: UserId): TokenRecords {
    this.#opened()
    const problem = userIdProblem(userId)
    if (problem !== undefined) throw new Error(problem)
    return this.#backend.tokens
  }

  #opened(): Holder {
    if (this.#opening === undefined) throw new StoreUnavailableError('The store is not open.')
    return this.#opening.incarnation.holder
  }
}

function served(userIds: UserId[]): UserId[] {
  return userIds.filter((userId) => userIdProblem(userId) === undefined)
}
