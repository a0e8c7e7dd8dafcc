/** The node registry of the embedded store: the rules of the Redis store's scripts, on plain maps. */
import { holderOf, splitHolder } from '../../rules/cluster/holder.js'
import { EPOCH_MEMORY_S, type LeaseTimes, leaseTimes } from '../../rules/cluster/lease-times.js'
import type { Holder } from '../../rules/types.js'
import type { Incarnation, Lease, LeaseRenewal } from '../ports/node-registry.js'
import type { NodeSettings } from '../ports/store.js'

export class NodeRegistry {
  readonly #nowMs: () => number
  /** Holder -> end of its lease. */
  readonly #nodes = new Map<Holder, number>()
  /** Holder -> from when on its claims do not count. */
  readonly #dead = new Map<Holder, number>()
  /** Dead holder -> when the next may begin to sweep it. */
  readonly #sweeps = new Map<Holder, number>()
  readonly #epochs = new Map<string, { epoch: number; processId: string; endMs: number }>()
  #version = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  register({ nodeId, processId, nodeLeaseMs, offlineGraceMs }: NodeSettings): Incarnation {
    const nowMs = Math.floor(this.#nowMs())
    const last = this.#lastEpoch(nodeId, nowMs)
    const epoch = Math.max(nowMs, (last?.epoch ?? 0) + 1)
    const previousIncarnations: Holder[] = []
    for (const holder of [...this.#nodes.keys()]) {
      if (splitHolder(holder).nodeId !== nodeId) continue
      if (last?.processId === processId) {
        previousIncarnations.push(holder)
        this.#nodes.set(holder, nowMs + nodeLeaseMs)
      } else this.#markDead(holder, nowMs + offlineGraceMs)
    }
    const holder = holderOf(nodeId, epoch)
    this.#epochs.set(nodeId, { epoch, processId, endMs: nowMs + EPOCH_MEMORY_S * 1_000 })
    this.#nodes.set(holder, nowMs + nodeLeaseMs)
    this.#changed()
    return { holder, previousIncarnations }
  }

  renew(holder: Holder, renewal: LeaseRenewal, settings: NodeSettings): Lease {
    const { presenceTtlS, offlineGraceMs } = settings
    const times = leaseTimes(settings.nodeLeaseMs)
    const nowMs = Math.floor(this.#nowMs())
    if (!this.#nodes.has(holder)) return this.#lost(settings, nowMs)
    for (const kept of [holder, ...renewal.previousIncarnations]) {
      if (this.#nodes.has(kept)) this.#nodes.set(kept, nowMs + times.leaseMs)
    }
    let hasChanged = false
    // The registry was lost with the store, and they died before they were in it again.
    for (const unregistered of renewal.unregistered) {
      if (this.#nodes.has(unregistered) || this.#dead.has(unregistered)) continue
      this.#markDead(unregistered, nowMs)
      hasChanged = true
    }
    // A lease end further off than any lease reaches was written by a clock that stood wrong: it says nothing.
    const hasEnded = (endMs: number) => endMs <= nowMs || endMs > nowMs + times.farthestEndMs
    for (const { holder: suspect, leaseEndMs } of renewal.suspects) {
      if (this.#nodes.get(suspect) !== leaseEndMs || !hasEnded(leaseEndMs)) continue
      // It may have lived until its next renewal was due.
      const livedUntilMs = Math.min(nowMs, leaseEndMs) - times.renewalDueMs
      this.#markDead(suspect, Math.max(nowMs, livedUntilMs + offlineGraceMs))
      hasChanged = true
    }
    for (const [dead, fromMs] of this.#dead) {
      if (fromMs > nowMs - presenceTtlS * 1_000) continue
      this.#dead.delete(dead)
      hasChanged = true
    }
    if (hasChanged) this.#changed()
    const lease: Lease = {
      isHeld: true,
      suspects: [...this.#nodes]
        .filter(([, endMs]) => endMs - nowMs < times.suspectBelowMs || hasEnded(endMs))
        .map(([suspect, leaseEndMs]) => ({ holder: suspect, leaseEndMs })),
    }
    const toSweep = this.#giveSweep(renewal.sweeping, nowMs, times)
    if (toSweep !== undefined) lease.toSweep = toSweep
    if (this.#version !== renewal.known) {
      lease.registry = {
        version: this.#version,
        living: this.living(),
        dead: [...this.#dead].map(([dead, fromMs]) => ({ holder: dead, inMs: Math.max(0, fromMs - nowMs) })),
      }
    }
    return lease
  }

  leave(holders: readonly Holder[]): void {
    for (const holder of holders) this.#nodes.delete(holder)
    this.#changed()
  }

  living(): Holder[] {
    return [...this.#nodes.keys()]
  }

  swept(dead: Holder): void {
    this.#sweeps.delete(dead)
  }

  /** See `MemoryBackend.checkpoint`. */
  checkpoint(): () => void {
    const version = this.#version
    const restores = [
      checkpointOf(this.#nodes),
      checkpointOf(this.#dead),
      checkpointOf(this.#sweeps),
      checkpointOf(this.#epochs),
    ]
    return () => {
      for (const restore of restores) restore()
      this.#version = version
    }
  }

  #lastEpoch(nodeId: string, nowMs: number): { epoch: number; processId: string } | undefined {
    const last = this.#epochs.get(nodeId)
    return last !== undefined && last.endMs > nowMs ? last : undefined
  }

  #lost({ nodeId, processId }: NodeSettings, nowMs: number): Lease {
    const last = this.#lastEpoch(nodeId, nowMs)
    const lease: Lease = { isHeld: false, suspects: [] }
    if (last === undefined || last.processId === processId) return lease
    const rival = holderOf(nodeId, last.epoch)
    const endMs = this.#nodes.get(rival)
    if (endMs !== undefined) lease.rival = { holder: rival, leaseLeftMs: endMs - nowMs }
    return lease
  }

  /** A sweep belongs to the node that renews it, and to another when that one does not come any more. */
  #giveSweep(sweeping: Holder | undefined, nowMs: number, { sweepTurnMs }: LeaseTimes): Holder | undefined {
    const untilMs = nowMs + sweepTurnMs
    if (sweeping !== undefined) {
      if (this.#sweeps.has(sweeping)) this.#sweeps.set(sweeping, untilMs)
      return undefined
    }
    const [due] = [...this.#sweeps].filter(([, dueMs]) => dueMs <= nowMs).sort(byTimeThenHolder)[0] ?? []
    if (due !== undefined) this.#sweeps.set(due, untilMs)
    return due
  }

  #markDead(holder: Holder, fromMs: number): void {
    this.#nodes.delete(holder)
    this.#dead.set(holder, fromMs)
    this.#sweeps.set(holder, fromMs)
  }

  #changed(): void {
    this.#version = Math.max(Math.floor(this.#nowMs() * 1_000), this.#version + 1)
  }
}

function byTimeThenHolder([a, aMs]: [Holder, number], [b, bMs]: [Holder, number]): number {
  return aMs - bMs || (a < b ? -1 : 1)
}

function checkpointOf<V>(map: Map<string, V>): () => void {
  const entries = [...map]
  return () => {
    map.clear()
    for (const [key, value] of entries) map.set(key, value)
  }
}
