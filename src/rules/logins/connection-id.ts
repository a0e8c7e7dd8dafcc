/** How operators name one connection of the cluster: its node, its number there, and a hint of its token. */
import type { ConnectionKey } from '../presence/roster.js'
import type { TokenDigest } from './token-digest.js'

/** An ID that is longer is malformed, over REST and in a note. */
export const CONNECTION_ID_CHARACTERS_MAX = 128
/** The hint: an ID that an earlier incarnation of the node gave does not name another connection by chance. */
const HINT_CHARACTERS = 6

export function connectionIdOf(nodeId: string, key: ConnectionKey, token: TokenDigest): string {
  return `${nodeId}~${key.toString(36)}~${token.slice(0, HINT_CHARACTERS)}`
}
