/** How long stores remember what stands beside the claims of a user. */
import { GONE_CONFIRM_MS } from '../../rules/presence/watch-index.js'

/** A user's version outlives the last claim by this much, so that a watcher who looks later sees the end of it. */
export const TOMBSTONE_S = 300

/** So long a record that was lost is partial: it may lack what other nodes hold. */
export const REFILL_S = GONE_CONFIRM_MS / 1_000
