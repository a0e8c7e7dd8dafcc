/** What a column of ids can hold, in every engine. */
import type { Value } from './database.js'

/** In bytes of UTF-8. */
export const ID_BYTES_MAX = 255
/** A UTF-16 unit is at most so many bytes of UTF-8. */
const UNIT_BYTES_MAX = 3
// Half of a surrogate pair becomes U+FFFD in UTF-8, so two ids would be one. SQLite cuts a text at U+0000.
const UNFIT_FOR_ID = /[\p{Cs}\0]/u
/** What no ordinary id has; this one is quickly asked. */
const DOUBTFUL_IN_ID = /[\0\ud800-\udfff]/

export function isTextWithin(value: unknown, bytesMax: number): value is string {
  return (
    typeof value === 'string' &&
    (value.length * UNIT_BYTES_MAX <= bytesMax || Buffer.byteLength(value) <= bytesMax)
  )
}

export function isId(value: unknown): value is string {
  return isTextWithin(value, ID_BYTES_MAX) && !(DOUBTFUL_IN_ID.test(value) && UNFIT_FOR_ID.test(value))
}

/** Whether rows can have this key: in keys all text is ids. */
export function canBeKey(key: readonly Value[]): boolean {
  return key.every((value) => typeof value !== 'string' || isId(value))
}
