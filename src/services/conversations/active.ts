/** What the JS SDK asks: conversations with their last message and whom they are with. */
import type {
  ConversationMsg,
  GetActiveConversationsReq,
  GetActiveConversationsResp,
  JsSdkGetConversationsReq,
  JsSdkGetConversationsResp,
} from '../../openim/proto/jssdk.js'
import { MsgData } from '../../openim/proto/messages.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findGroup } from '../groups/stored.js'
import { groupInfo } from '../groups/wire.js'
import { lastShown, type Standing, standingsOf } from '../messages/visible.js'
import { assertLength, CONVERSATIONS_MAX, operation } from '../operations/operation.js'
import { findUsers, userToWire } from '../people/users.js'
import { shown } from './marks.js'
import { findRecords, recordsOf } from './records.js'

const COUNT_DEFAULT = 100
const COUNT_MAX = 500

/** The latest ones first. One without a message that can be shown is left out. */
export const activeConversations = operation(
  'reader',
  function* ({ caller }, { count }: GetActiveConversationsReq): Operation<GetActiveConversationsResp> {
    const own = yield* standingsOf(yield* recordsOf(caller.userId))
    const wanted = count <= 0 || count > COUNT_MAX ? COUNT_DEFAULT : count
    const latest = own.sort((one, other) => other.lastMs - one.lastMs)
    const shown: ConversationMsg[] = []
    for (const entry of latest) {
      if (shown.length === wanted) break
      const lastMsg = yield* lastShown(entry)
      if (lastMsg !== undefined) shown.push(yield* describe(entry, MsgData.decode(lastMsg)))
    }
    return { unreadCount: unreadOf(own), conversations: shown }
  },
)

/** Those of these that the user has. */
export const conversationsWithMessages = operation(
  'reader',
  function* (
    { caller },
    { conversationIDs }: JsSdkGetConversationsReq,
  ): Operation<JsSdkGetConversationsResp> {
    assertLength('conversationIDs', conversationIDs.length, CONVERSATIONS_MAX)
    const own = yield* standingsOf(yield* findRecords(caller.userId, conversationIDs))
    const shown: ConversationMsg[] = []
    for (const entry of own) {
      const lastMsg = yield* lastShown(entry)
      shown.push(yield* describe(entry, lastMsg && MsgData.decode(lastMsg)))
    }
    return { unreadCount: unreadOf(own), conversations: shown }
  },
)

function unreadOf(own: readonly Standing[]): number {
  return own.reduce((sum, { readSeq, max }) => sum + Math.max(0, max - readSeq), 0)
}

function* describe(
  { record, readSeq, max: maxSeq }: Standing,
  lastMsg: MsgData | undefined,
): Operation<ConversationMsg> {
  const user = yield* profileOf(record.userId)
  const group = record.groupId === '' ? undefined : yield* findGroup(record.groupId)
  const [conversation] = yield* shown([record])
  return { conversation, lastMsg, user, friend: undefined, group: group && groupInfo(group), maxSeq, readSeq }
}

function* profileOf(userId: UserId) {
  const [user] = userId === '' ? [] : yield* findUsers([userId])
  return user && userToWire(user)
}
