/** Which names may enter a store's keys and records. */

/** No colon (OpenIM's separator), no braces (they choose a Cluster's slot), no control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const USER_ID_FORBIDDEN = /[:{}\u0000-\u001f\u007f]/
const USER_ID_BYTES_MAX = 128

/** What is wrong with a user ID, as a sentence; undefined when nothing is. */
export function userIdProblem(userId: string): string | undefined {
  if (userId === '') return 'The user ID is empty.'
  if (USER_ID_FORBIDDEN.test(userId)) return 'The user ID holds a colon, a brace or a control character.'
  // A UTF-16 unit is at most 3 bytes of UTF-8, so that most IDs need no count.
  if (userId.length * 3 > USER_ID_BYTES_MAX && Buffer.byteLength(userId) > USER_ID_BYTES_MAX) {
    return `The user ID is longer than ${USER_ID_BYTES_MAX} bytes.`
  }
  return undefined
}

/** What is wrong with a node ID. `#`, `@` and `:` separate it from its neighbours in records. */
export function nodeIdProblem(nodeId: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,64}$/.test(nodeId)
    ? undefined
    : `Node ID "${nodeId}" is not 1 to 64 letters, digits, dots, dashes and underscores.`
}

export function holderOf(nodeId: string, epoch: string | number): string {
  return `${nodeId}#${epoch}`
}

/** The parts of `nodeId#epoch`. */
export function splitHolder(holder: string): { nodeId: string; epoch: number } {
  const at = holder.lastIndexOf('#')
  return { nodeId: holder.slice(0, at), epoch: Number(holder.slice(at + 1)) }
}
