/** What a piece of work costs a peer's processes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSecondsOf } from '../../test/support/proc.js'
import type { RunningPeer } from './peer.js'

/** Processes that used less than a twentieth of a core for so long have done what was asked of them. */
const QUIET_MS = 50
const QUIET_PART = 0.05
const SETTLED_WITHIN_MS = 30_000

/** CPU seconds. */
export interface Cost {
  /** All processes of the server. */
  server: number
  /** Its store; 0 when that is no other process. */
  store: number
}

/** From quiet to quiet: what an answer left to be done behind it belongs to the work too. */
export async function costOf<T>(
  peer: RunningPeer,
  work: () => Promise<T>,
): Promise<{ result: T; cost: Cost }> {
  const before = await quietCost(peer)
  const result = await work()
  const after = await quietCost(peer)
  return { result, cost: { server: after.server - before.server, store: after.store - before.store } }
}

/** What its processes have used when they have nothing more to do. */
export async function quietCost(peer: RunningPeer): Promise<Cost> {
  const deadlineMs = performance.now() + SETTLED_WITHIN_MS
  let before = costSoFar(peer)
  for (;;) {
    await sleep(QUIET_MS)
    const after = costSoFar(peer)
    const used = Math.max(after.server - before.server, after.store - before.store)
    if (used < (QUIET_MS / 1_000) * QUIET_PART) return after
    if (performance.now() > deadlineMs) throw new Error('a server is busy for no reason')
    before = after
  }
}

function costSoFar({ pids, storePid }: RunningPeer): Cost {
  return {
    server: pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    store: storePid === undefined ? 0 : cpuSecondsOf(storePid),
  }
}
