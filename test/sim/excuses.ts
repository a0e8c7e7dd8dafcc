/** What failures excuse: that something is late, while they last and until their consequences are over. */
import type { FaultRecord } from './history.js'

/** By when what is due at `baseMs` must be done. Failures from `sinceMs` on count; `quickMs`: how long it takes without. */
export function dueAfter(
  faults: readonly FaultRecord[],
  quickMs: number,
  sinceMs: number,
  baseMs: number,
): number {
  let dueMs = baseMs + quickMs
  for (let isStill = true; isStill; ) {
    isStill = false
    for (const { fromMs, toMs, settleMs } of faults) {
      const settledMs = toMs + settleMs + quickMs
      if (fromMs > dueMs || toMs + settleMs < sinceMs || settledMs <= dueMs) continue
      dueMs = settledMs
      isStill = true
    }
  }
  return dueMs
}
