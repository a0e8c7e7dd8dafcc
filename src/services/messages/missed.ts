/** Messages that did not come to an io thread, read from the database to be pushed all the same. */
import { MsgData } from '../../openim/proto/messages.js'
import { bucketOfConversation } from '../../rules/messages/bucket.js'
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { Delivery } from '../../rules/messages/types.js'
import type { Operation } from '../../store/ports/database.js'
import { scan } from '../../store/ports/steps.js'
import { messages } from '../../store/schema/tables.js'
import { receiversOf } from './outgoing.js'

const MISSED_MAX = 1_000

/** The newest ones of a range, both ends inclusive. The request that caused them is not known any more. */
export function* missedDeliveries(
  conversationId: ConversationId,
  from: number,
  to: number,
): Operation<Delivery[]> {
  const rows = yield* scan(messages, [bucketOfConversation(conversationId), conversationId], {
    from: Math.max(from, to - MISSED_MAX),
    to,
  })
  return rows.map(({ seq, sentMs, body, senderId }, index) => ({
    conversationId,
    seq,
    sentMs,
    previousMs: rows[index - 1]?.sentMs ?? 0,
    body,
    senderId,
    userIds: receiversOf(MsgData.decode(body)),
    operationId: '',
  }))
}
