/** What every node holds of each user, and which nodes want to know: written as a whole, read as snapshots. */
import type { Assertion, AssertOutcome, Snapshot, UserId, Whereabouts } from '../../rules/types.js'

export interface PresenceRecords {
  /**
   * Record what this node holds of each user, as a whole; tell the nodes that watch a user whose claims changed
   * (never this node: its own outcome carries the change). Outcomes in the order of the batch.
   * At most 1,000 users a call. Users must be distinct. Idempotent. Rejects with STORE_UNAVAILABLE when the store
   * served nobody of the batch (some of it may have been applied); otherwise a user who was not served has `ok: false`.
   */
  assert(batch: Assertion[]): Promise<AssertOutcome[]>

  /**
   * Record this node's interest and return the snapshots, atomically per user, in order. At most 1,000 users.
   * A user who could not be served (a damaged record, a master away, a bad ID) is left out and logged: ask again
   * for those who are missing. Rejects with STORE_UNAVAILABLE when nobody was served. `read` does the same.
   * An interest ends by itself WATCH_TTL_S after its last watch.
   */
  watch(userIds: UserId[]): Promise<Snapshot[]>

  /** Withdraw this node's interest; what could not be withdrawn ends by itself. At most 1,000 users. */
  unwatch(userIds: UserId[]): Promise<void>

  /** Where users are, in order, without recording an interest. At most 1,000 users. */
  read(userIds: UserId[]): Promise<Whereabouts[]>
}
