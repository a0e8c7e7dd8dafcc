/** Messages that come late: who logged in meanwhile has read them, mostly. */
import type { ConversationId } from './conversation-id.js'
import type { Delivery } from './types.js'

/** From the time of a message to its commit, at most: with locks, attempts, and clocks that differ. */
export const COMMIT_MS = 30_000

export type Late = Pick<Delivery, 'conversationId' | 'seq' | 'sentMs'>

/**
 * Whether a client has read a message. One that was sent shortly before the login was recorded may have been committed
 * after the client read: then it is not among what the client was told.
 *
 * `recordedMs`: when the store had recorded the login (time of day), and the client could read.
 * `told`: how far the client was told that conversations go, of those with a recent message.
 */
export function hasRead(
  { conversationId, seq, sentMs }: Late,
  recordedMs: number,
  told?: ReadonlyMap<ConversationId, number>,
): boolean {
  if (sentMs >= recordedMs) return false
  return sentMs < recordedMs - COMMIT_MS || seq <= (told?.get(conversationId) ?? 0)
}
