/** The registry of nodes: which incarnations live, which are dead, and what the dead have left. */
import type { Registry, Suspect } from '../../rules/cluster/membership.js'
import type { Rival } from '../../rules/cluster/node-name.js'
import type { Holder } from '../../rules/types.js'

/** What a node says when it renews its lease. */
export interface LeaseRenewal {
  /** Version of the registry that it knows; 0 = none. */
  known: number
  /** Nodes that have missed renewals for long enough, see `Suspicions`. */
  suspects: Suspect[]
  /** Earlier incarnations of the same process, which count until everything is asserted under the new epoch. */
  previousIncarnations: Holder[]
  /** Holders of claims that have been missing from the registry for long: they are marked dead. */
  unregistered: Holder[]
  /** The dead node whose records it sweeps; undefined = it may be given one. */
  sweeping: Holder | undefined
}

export interface Lease {
  /** False = the lease was lost: a new epoch is due, unless another process has the name. */
  isHeld: boolean
  /** Only where it was lost: the process that has this node's name now, if another has. */
  rival?: Rival
  /** Absent = as known. */
  registry?: Registry
  /** To be sent with the next renewal. */
  suspects: Suspect[]
  /** A dead node whose records this node is to sweep. */
  toSweep?: Holder
}

/** One incarnation of a node, as it enters the registry. */
export interface Incarnation {
  holder: Holder
  /** Earlier ones of the same process that still count. */
  previousIncarnations: Holder[]
}

/** A node enters it with `Store.open` and leaves it with `Store.close`. */
export interface NodeRegistry {
  /**
   * Keep this node in the registry, and hear what changed there; to be called every NODE_LEASE_MS / 3. A node whose
   * lease has ended, and that has not renewed since it was a suspect, is dead from then on, for everybody. Whatever
   * time the store was away or its clock stood wrong, a node that renews is not dead.
   */
  renewLease(renewal: LeaseRenewal): Promise<Lease>

  /** Every incarnation in the registry that is not dead, this one too. */
  living(): Promise<Holder[]>

  /**
   * Withdraw what a dead node holds, of all users, and tell those who watch them. Slow on purpose: the store stays
   * free for others at least half of the time. Returns the number of users. Rejects when the store goes away or this
   * node closes; the next node that is given the dead one starts anew.
   */
  sweep(dead: Holder): Promise<number>
}
