/**
 * Which nodes count: the registry of the store, as one node knows it.
 *
 * A claim counts while its holder does. One that is dead stays dead: a node that comes back does so under a new epoch.
 */

import { GONE_CONFIRM_MS } from '../presence/watch-index.js'
import type { Holder, Whereabouts } from '../types.js'
import { epochOfHolder } from './holder.js'

/** What the store's registry says at one of its versions. */
export interface Registry {
  /** Of the registry; any change gives another. */
  version: number
  living: Holder[]
  /** Holders whose claims count no more, `inMs` from now on; 0 = already. */
  dead: { holder: Holder; inMs: number }[]
}

/** A node that has missed a renewal, and the end of its lease (ms of the store's clock). */
export interface Suspect {
  holder: Holder
  leaseEndMs: number
}

/** Records may name any number of holders: so many are remembered. */
const UNREGISTERED_MAX = 100

/** The part of a membership that only reads it. */
export type Members = Pick<Membership, 'filter' | 'isGone' | 'living' | 'unregisteredIn'>

export class Membership {
  #version = 0
  #living: ReadonlySet<Holder> = new Set()
  /** Dead holders, and from when on they do not count. */
  #dead = new Map<Holder, number>()
  /** Those of them that do not count any more. */
  readonly #void = new Set<Holder>()
  /** Another node told of a death: what the registry says of it is still to be read. */
  #isUnverified = false
  /** Holders of claims that no registry knows, and when they were observed first. */
  readonly #unregistered = new Map<Holder, number>()
  readonly #overdue = new Set<Holder>()

  get living(): ReadonlySet<Holder> {
    return this.#living
  }

  /** 0 = the registry is to be read. */
  get version(): number {
    return this.#isUnverified ? 0 : this.#version
  }

  /** Returns the holders that counted until now and do not any more. */
  learn({ version, living, dead }: Registry, nowMs: number): Holder[] {
    this.#version = version
    this.#isUnverified = false
    this.#living = new Set(living)
    this.#dead = new Map(dead.map(({ holder, inMs }) => [holder, nowMs + inMs]))
    for (const holder of this.#void) if (!this.#dead.has(holder)) this.#void.delete(holder)
    return this.expire(nowMs)
  }

  /** The same, by word of another node. The registry has the last word. */
  applyGossip(dead: Registry['dead'], nowMs: number): Holder[] {
    this.#isUnverified = true
    for (const { holder, inMs } of dead) {
      if (!this.#dead.has(holder)) this.#dead.set(holder, nowMs + inMs)
    }
    return this.expire(nowMs)
  }

  /** The same, as time goes by. */
  expire(nowMs: number): Holder[] {
    const lost: Holder[] = []
    for (const [holder, fromMs] of this.#dead) {
      if (fromMs > nowMs || this.#void.has(holder)) continue
      this.#void.add(holder)
      lost.push(holder)
    }
    return lost
  }

  /** When `expire` has something to do; undefined = not before the registry changes. */
  dueMs(): number | undefined {
    const open = [...this.#dead].filter(([holder]) => !this.#void.has(holder)).map(([, fromMs]) => fromMs)
    return open.length === 0 ? undefined : Math.min(...open)
  }

  /** It is dead, or has left: it answers no question any more. */
  isGone(holder: Holder): boolean {
    if (this.#void.has(holder)) return true
    // An epoch is the time (ms) of the change of the registry that began it: a holder that is not in a later version has left.
    const beganUs = (epochOfHolder(holder) + 1) * 1_000
    return beganUs <= this.#version && !this.#living.has(holder)
  }

  /** Holders of claims that are not in the registry, each once. See `observe`. */
  unregisteredIn(snapshots: readonly Whereabouts[]): Holder[] {
    const found = new Set<Holder>()
    for (const { claims } of snapshots)
      for (const { holder } of claims) if (this.#isUnregistered(holder)) found.add(holder)
    return [...found]
  }

  /**
   * Claims of these holders were read, and the registry does not know them. A living node is in the registry, and takes
   * a new epoch when it finds that it is not. So a holder that is observed again, after every node has had the time to
   * assert what a store has lost, is a node that died before it was registered again. Nothing but this would end its
   * claims before they expire.
   */
  observe(holders: readonly Holder[], nowMs: number): void {
    for (const holder of holders) {
      // The registry may have been read since.
      if (!this.#isUnregistered(holder)) continue
      const sinceMs = this.#unregistered.get(holder)
      if (sinceMs !== undefined && nowMs - sinceMs >= GONE_CONFIRM_MS) this.#overdue.add(holder)
      else if (sinceMs === undefined && this.#unregistered.size < UNREGISTERED_MAX)
        this.#unregistered.set(holder, nowMs)
    }
  }

  /** Holders that have been unregistered for too long, to be marked dead; each is named once. */
  takeUnregistered(): Holder[] {
    const overdue = [...this.#overdue]
    for (const holder of overdue) this.#unregistered.delete(holder)
    this.#overdue.clear()
    return overdue
  }

  #isUnregistered(holder: Holder): boolean {
    return !this.#living.has(holder) && !this.#dead.has(holder) && this.isGone(holder)
  }

  /** Deaths that this node has not heard of; none while it knows nothing at all. */
  unknownDeaths({ dead }: Registry): Registry['dead'] {
    return this.#version === 0 ? [] : dead.filter(({ holder }) => !this.#dead.has(holder))
  }

  /** A holder that did not count does again: the registry has lost its death. */
  isRevivedBy({ living }: Registry): boolean {
    return living.some((holder) => this.#void.has(holder))
  }

  /** The same without the claims of holders that do not count. */
  filter<T extends Whereabouts>(snapshot: T): T {
    if (this.#void.size === 0 || !snapshot.claims.some(({ holder }) => this.#void.has(holder)))
      return snapshot
    return { ...snapshot, claims: snapshot.claims.filter(({ holder }) => !this.#void.has(holder)) }
  }
}
