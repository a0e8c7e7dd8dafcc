/** Sizes beyond which a note or a message is malformed. They are larger than anything a node sends. */

/** Redis ends a subscriber whose waiting messages pass this size (`client-output-buffer-limit pubsub 32mb`). */
export const MESSAGE_BYTES_MAX = 32 * 1024 * 1024
/** Users or nodes in one note: ten times the greatest BATCH_SIZE. */
export const LIST_MAX = 10_000
/** Connections or tokens of one user: many, where a program logs in again and again. */
export const USER_LIST_MAX = 100_000
/** `nodeId#epoch`: a node ID has 64 characters at most, an epoch is ms since 1970. */
export const HOLDER_CHARACTERS_MAX = 96
export { CONNECTION_ID_CHARACTERS_MAX } from '../../rules/logins/connection-id.js'
/** See `TokenDigest`: 22 today. */
export const DIGEST_CHARACTERS_MAX = 64
export const PLATFORMS_MAX = 1_000
