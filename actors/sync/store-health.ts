/** How things stand with the store, for readiness and metrics. cluster-sync writes it; the sync thread shows it. Thread: sync. */
import type { Amiss, StoreFacts } from '../../src/health/store-parts.js'

export interface StoreHealth extends StoreFacts {
  /** Nothing is wrong with the store, and this node may write to it. */
  isUp: boolean
  /** It never will be: wrong server or options. */
  unsuitable: Error | undefined
}

const NOT_REACHED: Amiss = { reason: 'not reached yet', sinceMs: 0 }

export function newHealth(): StoreHealth {
  return { isUp: false, store: NOT_REACHED, channel: undefined, nodeId: undefined, unsuitable: undefined }
}
