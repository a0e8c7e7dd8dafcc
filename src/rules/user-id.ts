/** Longest user ID, in bytes of UTF-8. OpenIM's own column holds 64 characters. */
export const USER_ID_BYTES_MAX = 128

// Half of a surrogate pair (which UTF-8 cannot carry) or a control character (which has no place in a log or a key).
const UNPRINTABLE = /[\p{Cs}\p{Cc}]/u

/**
 * Why a string cannot be a user ID here, as words to follow "user ID"; undefined when it can.
 *
 * `{` and `}` would choose another Redis slot for some of the user's keys, and `:` separates the parts of key
 * and topic names, so all three are refused at the door.
 */
export function checkUserId(id: string): string | undefined {
  if (id === '') return 'is empty'
  // A UTF-16 unit is at most 3 bytes of UTF-8, so that most IDs need no count.
  if (id.length * 3 > USER_ID_BYTES_MAX && Buffer.byteLength(id) > USER_ID_BYTES_MAX)
    return `is longer than ${USER_ID_BYTES_MAX} bytes`
  if (/[:{}]/.test(id)) return "holds one of ':', '{' and '}'"
  if (UNPRINTABLE.test(id)) return 'holds a control character'
  return undefined
}
