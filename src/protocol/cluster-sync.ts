/** What cluster-sync hears from the other actors of its thread. */
import type { Holder } from '../rules/types.js'

/**
 * Claims of these holders were read, and the registry does not know them. May be repeated: a holder that is seen again
 * after 30 s is marked dead. presence-sync → cluster-sync.
 */
export interface UnregisteredSeen {
  kind: 'unregisteredSeen'
  holders: Holder[]
}

/**
 * The ledger of what was asserted is gone: users who left, and whose shard is gone too, could never be withdrawn. A new
 * epoch makes what is asserted under this one void. Signal. presence-sync → cluster-sync.
 */
export interface LedgerLost {
  kind: 'ledgerLost'
}

export type Command = UnregisteredSeen | LedgerLost
