/** The embedded presence store: no server, nothing to configure, gone with the process. */
import { StoreUnavailableError, StoreUnsuitableError } from '../../errors.js'
import type { Assertion, Holder, PlatformId, Snapshot, UserId } from '../../presence/types.js'
import { nodeIdProblem, splitHolder, userIdProblem } from '../names.js'
import type { AssertOutcome, PresenceStore, StoreEvents, TokenState } from '../presence-store.js'
import type { MemoryBackend } from './memory-backend.js'

export interface MemoryStoreOptions {
  nodeId: string
  /** Life of a claim and of a watch without renewal. */
  presenceTtlS: number
  nodeLeaseMs: number
}

/** One node's store on a backend. Nothing here can be out of reach, so only calls outside open..close fail. */
export class MemoryStore implements PresenceStore {
  readonly #backend: MemoryBackend
  readonly #options: MemoryStoreOptions
  #holder: Holder | undefined

  /** Throws STORE_UNSUITABLE for a bad node ID. */
  constructor(backend: MemoryBackend, options: MemoryStoreOptions) {
    const problem = nodeIdProblem(options.nodeId)
    if (problem !== undefined) throw new StoreUnsuitableError(problem)
    this.#backend = backend
    this.#options = options
  }

  async open(events: StoreEvents): Promise<Holder> {
    const { nodeId, nodeLeaseMs } = this.#options
    this.#holder = this.#backend.register(nodeId, nodeLeaseMs, (snapshots) => events.changed(snapshots))
    return this.#holder
  }

  async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    const holder = this.#opened()
    const toTell = new Map<string, Snapshot[]>()
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
      for (const nodeId of watchers) toTell.set(nodeId, [...(toTell.get(nodeId) ?? []), changed])
      return { ok: true, userId, version, changed }
    })
    for (const [nodeId, snapshots] of toTell) this.#backend.tell(nodeId, structuredClone(snapshots))
    return outcomes
  }

  async watch(userIds: UserId[]): Promise<Snapshot[]> {
    const { nodeId } = splitHolder(this.#opened())
    return served(userIds).map((userId) => this.#backend.watch(userId, nodeId, this.#options.presenceTtlS))
  }

  async unwatch(userIds: UserId[]): Promise<void> {
    const { nodeId } = splitHolder(this.#opened())
    for (const userId of userIds) this.#backend.unwatch(userId, nodeId)
  }

  async read(userIds: UserId[]): Promise<Snapshot[]> {
    this.#opened()
    return served(userIds).map((userId) => this.#backend.read(userId))
  }

  async renewLease(): Promise<boolean> {
    return this.#backend.renew(this.#opened(), this.#options.nodeLeaseMs)
  }

  async living(): Promise<Holder[]> {
    this.#opened()
    return this.#backend.living()
  }

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    return this.#backend.tokenState(userId, platformId, token)
  }

  async rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void> {
    this.#backend.setToken(userId, platformId, token, 'normal', ttlS)
  }

  async ping(): Promise<void> {
    this.#opened()
  }

  async close(): Promise<void> {
    if (this.#holder !== undefined) this.#backend.leave(this.#holder)
    this.#holder = undefined
  }

  #opened(): Holder {
    if (this.#holder === undefined) throw new StoreUnavailableError('The store is not open.')
    return this.#holder
  }
}

function served(userIds: UserId[]): UserId[] {
  return userIds.filter((userId) => userIdProblem(userId) === undefined)
}
