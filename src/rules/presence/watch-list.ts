/** How large a list of watched users is on the wire, asked for and answered, so that limits can be held against it. */

/** User IDs as long as OpenIM's column holds them; bytes. */
const USER_ID_BYTES = 64
/** A field's tag and length before each. */
const TAG_BYTES = 2
/** What an answer says of a user beside the ID: its own tag and length, and every platform that OpenIM has. */
const STATUS_BYTES = 20
/** The envelope, and its identifiers. */
const ENVELOPE_BYTES = 1_024

/** Bytes of a request that watches so many users, in the longest encoding: base64 within JSON. */
export function watchRequestBytes(users: number): number {
  return inBase64(users * (USER_ID_BYTES + TAG_BYTES)) + ENVELOPE_BYTES
}

/** Bytes of its answer. */
export function watchAnswerBytes(users: number): number {
  return inBase64(users * (USER_ID_BYTES + TAG_BYTES + STATUS_BYTES)) + ENVELOPE_BYTES
}

function inBase64(bytes: number): number {
  return 4 * Math.ceil(bytes / 3)
}
