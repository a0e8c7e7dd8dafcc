/** Where in a conversation a time begins. */
import { bucketOfConversation } from '../../rules/messages/bucket.js'
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { Operation } from '../../store/ports/database.js'
import { scan } from '../../store/ports/steps.js'
import { messages } from '../../store/schema/tables.js'

/**
 * The number of the first message in `from` to `to` that was sent at `sinceMs` or later; `to` + 1 where none was. Times rise
 * with numbers, so it is found by halving, whatever the length; numbers may be missing.
 */
export function* firstSince(
  conversationId: ConversationId,
  from: number,
  to: number,
  sinceMs: number,
): Operation<number> {
  const prefix = [bucketOfConversation(conversationId), conversationId]
  let [low, high] = [from, to + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [row] = yield* scan(messages, prefix, { from: middle, to: high - 1, limit: 1 })
    if (row === undefined || row.sentMs >= sinceMs) high = middle
    else low = row.seq + 1
  }
  return low
}
