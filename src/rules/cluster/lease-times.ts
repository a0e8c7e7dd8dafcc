/**
 * What follows from the length of a lease. Both stores judge nodes by these times: the embedded store uses them itself,
 * and the scripts of the Redis store get them as arguments.
 */

/** Renewals are due this often in the time of one lease. */
export const RENEWALS_PER_LEASE = 3

/** How long a node's last epoch is remembered: longer than any claim of it lives. */
export const EPOCH_MEMORY_S = 7 * 86_400

/** All in whole ms, so that no store has to write or read a fraction. */
export interface LeaseTimes {
  leaseMs: number
  /**
   * A node with less left of its lease has missed a renewal. A renewal on time finds two thirds left; the distance to
   * that is for renewals that are a little late.
   */
  suspectBelowMs: number
  /** The renewal that a dead node missed was due so long before the end of its lease. */
  renewalDueMs: number
  /** A lease end further off than this was written by a clock that was wrong. */
  farthestEndMs: number
  /** A sweep that was not renewed for so long is given to another node. */
  sweepTurnMs: number
}

export function leaseTimes(nodeLeaseMs: number): LeaseTimes {
  return {
    leaseMs: nodeLeaseMs,
    suspectBelowMs: Math.ceil((nodeLeaseMs * 3) / 5),
    renewalDueMs: Math.ceil((nodeLeaseMs * (RENEWALS_PER_LEASE - 1)) / RENEWALS_PER_LEASE),
    farthestEndMs: 3 * nodeLeaseMs,
    sweepTurnMs: 2 * nodeLeaseMs,
  }
}
