/**
 * The one way of the actors on this thread to the store: its ports, whether it may be asked, and which nodes count.
 *
 * Thread  sync
 *
 * An exception to "actors share no memory", as the Hub of an io thread is: cluster-sync alone writes it, presence-sync
 * and token-sync read it in the step in which they act on it, never across an await. By messages they would hear of a
 * death, or of a store that is away, later than others on the same thread act on it.
 */
import { StoreUnavailableError } from '../../src/errors/errors.js'
import { type Members, Membership } from '../../src/rules/cluster/membership.js'
import type { Holder } from '../../src/rules/types.js'
import type { Store, StorePorts } from '../../src/store/ports/store.js'
import type { StoreHealth } from './store-health.js'

/** The part that presence-sync and token-sync read. */
export interface StoreAccess {
  /** The store of now, open or not; undefined = cluster-sync has not started. */
  readonly store: StorePorts | undefined
  /** The lease is held: the store was opened and this node is in the registry. */
  readonly isOpen: boolean
  /** The circuit breaker is open: nothing is asked of the store. */
  readonly isAway: boolean
  /** Another process has the name of this node: nothing is asked of the store in it. */
  readonly isAside: boolean
  /** This incarnation's name; undefined before the store is open. */
  readonly holder: Holder | undefined
  /** Which other nodes count. */
  readonly members: Members
  readonly health: Readonly<StoreHealth>
  /** How often messages of other nodes may have been lost so far; see `UncheckedLogins.reviewedLosses`. */
  readonly losses: number
}

/** The same for cluster-sync, which writes it. */
export interface OwnStoreAccess extends StoreAccess {
  store: Store | undefined
  isOpen: boolean
  isAway: boolean
  isAside: boolean
  holder: Holder | undefined
  members: Membership
  readonly health: StoreHealth
  losses: number
}

export function newStoreAccess(health: StoreHealth): OwnStoreAccess {
  return {
    store: undefined,
    isOpen: false,
    isAway: false,
    isAside: false,
    holder: undefined,
    members: new Membership(),
    health,
    losses: 0,
  }
}

export const AWAY = 'The store does not answer; it is being looked for.'

/** Ask something of the store. Rejects with STORE_UNAVAILABLE at once while it is away or this node stands aside. */
export async function askStore<T>(
  { store, isAway, isAside }: StoreAccess,
  call: (store: StorePorts) => Promise<T>,
): Promise<T> {
  if (store === undefined || isAway) throw new StoreUnavailableError(AWAY)
  // Other nodes would take writes of this process for those of the other one.
  if (isAside) throw new StoreUnavailableError('This node stands aside: another process has its NODE_ID.')
  return call(store)
}
