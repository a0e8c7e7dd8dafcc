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

export type Command = UnregisteredSeen
