/** Messages that did not come to an io thread, read from the database to be pushed all the same. */
import { MsgData } from '../../openim/proto/messages.js'
import { bucketOfConversation } from '../../rules/messages/bucket.js'
import { type ConversationId, isGroupChat } from '../../rules/messages/conversation-id.js'
import type { Delivery } from '../../rules/messages/types.js'
import type { Operation } from '../../store/ports/database.js'
import { scan } from '../../store/ports/steps.js'
import { messages } from '../../store/schema/tables.js'
import { receiversOf } from './outgoing.js'
import { headOf } from './stored.js'

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
  const epoch = isGroupChat(conversationId) ? ((yield* headOf(conversationId))?.rightsEpoch ?? 0) : 0
  return rows.map(({ seq, sentMs, body, senderId }, index) => ({
    conversationId,
    seq,
    sentMs,
    previousMs: rows[index - 1]?.sentMs ?? 0,
    body,
    senderId,
    ...receiversOfStored(MsgData.decode(body), epoch),
    operationId: '',
  }))
}

/** Of a group those who are members now. */
function receiversOfStored(message: MsgData, epoch: number): Pick<Delivery, 'userIds' | 'audience'> {
  const { userIds, audience } = receiversOf(message)
  return audience === undefined ? { userIds } : { userIds, audience: { ...audience, epoch } }
}
