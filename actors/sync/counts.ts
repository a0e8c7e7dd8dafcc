/** What the sync actors count, for metrics. Thread: sync. */

export interface PresenceCounts {
  /** Times that changes may have been lost and were read again. */
  changesMissed: number
  /** Called with how long each batch of assertions took. */
  flushSeconds: (seconds: number) => void
}

export interface TokenCounts {
  /** Questions to the store. */
  tokenLookups: number
  /** Logins let in without an answer of the store (AUTH_WHEN_STORE_DOWN=allow). */
  uncheckedLogins: number
}

export interface ClusterCounts {
  /** See `PresenceCounts`. */
  changesMissed: number
  nodesLost: number
  usersSwept: number
  /** Records that the store has thrown away. */
  storeDiscards: number
}

export interface MessageCounts {
  /** Messages that no other node confirmed, or that could not be located. */
  messagesUnreached: number
  messagesRetold: number
}

export type SyncCounts = PresenceCounts & TokenCounts & ClusterCounts & MessageCounts

export function newSyncCounts(flushSeconds: SyncCounts['flushSeconds'] = () => {}): SyncCounts {
  return {
    changesMissed: 0,
    nodesLost: 0,
    usersSwept: 0,
    storeDiscards: 0,
    tokenLookups: 0,
    uncheckedLogins: 0,
    messagesUnreached: 0,
    messagesRetold: 0,
    flushSeconds,
  }
}
