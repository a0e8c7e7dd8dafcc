/** Taking a message back: it stays in its place, and says who revoked it. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import { MsgData } from '../../openim/proto/messages.js'
import {
  type ConversationId,
  isGroupChat,
  isSingleChat,
  SessionType,
} from '../../rules/messages/conversation-id.js'
import { MessageState } from '../../rules/messages/message-state.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { lock, update } from '../../store/ports/steps.js'
import { conversations, messages } from '../../store/schema/tables.js'
import { argsError, CallRefusedError, noPermissionError } from '../call-refused.js'
import { findMember, type Member } from '../groups/stored.js'
import { levelOf, Rank } from '../groups/values.js'
import { assertSelf, type Caller, type OperationContext, operation } from '../operations/operation.js'
import { findUsers, type User } from '../people/users.js'
import { notifyChat } from './notices.js'
import type { RevokeNote } from './revoked.js'
import { headOf, messagesAt, type StoredMessage } from './stored.js'
import { isOfGroup, isParty, isWithin, NOTHING, readableBy } from './visible.js'

interface Revoke {
  conversationID: ConversationId
  seq: number
  userID: UserId
}

export const revokeMessage = operation(
  'writer',
  function* (context, { conversationID, seq, userID }: Revoke): Operation<object> {
    const { caller, nowMs } = context
    assertSelf(caller, userID)
    if (!isSingleChat(conversationID) && !isGroupChat(conversationID))
      throw argsError('conversationID: expected a chat of two, or of a group')
    // Of two that revoke one message at once, the second finds it revoked.
    const head = yield* headOf(conversationID)
    if (head !== undefined) yield* lock(conversations, [head])
    const row = yield* findReadable(context, userID, conversationID, seq)
    const own = head !== undefined && isOfGroup(head) ? yield* findMember(head.a, userID) : undefined
    if (!(yield* outranksSender(own, row))) assertMayRevoke(context, row, userID)
    const [user] = yield* findUsers([userID])
    const note: RevokeNote = {
      userId: userID,
      nickname: user?.nickname ?? '',
      role: roleOf(caller, own, user),
      timeMs: nowMs,
    }
    yield* update(messages, [
      {
        key: [row.bucket, conversationID, seq],
        set: { state: MessageState.Revoked, revoke: JSON.stringify(note) },
      },
    ])
    yield* tellRevoked(context, row, userID)
    return {}
  },
)

/** As clients show it: a level of the group, or of the installation. */
function roleOf(caller: Caller, own: Member | undefined, user: User | undefined): number {
  if (caller.isAdmin) return 0
  return own === undefined ? (user?.level ?? 0) : levelOf(own.rank)
}

/** In a group the owner may revoke what anybody said, and administrators what ordinary members did, or who has left. */
function* outranksSender(own: Member | undefined, { senderId }: StoredMessage): Operation<boolean> {
  if (own === undefined || own.rank === Rank.Member || own.userId === senderId) return false
  if (own.rank === Rank.Owner) return true
  const sender = yield* findMember(own.groupId, senderId)
  return sender === undefined || sender.rank === Rank.Member
}

/** Administrators see every conversation. */
function* findReadable(
  { caller }: OperationContext,
  userId: UserId,
  conversationId: ConversationId,
  seq: number,
): Operation<StoredMessage> {
  const isVisible = caller.isAdmin || isWithin((yield* readableBy(userId, conversationId)) ?? NOTHING, seq)
  const [row] = isVisible ? yield* messagesAt(conversationId, [seq]) : []
  if (row === undefined || row.state === MessageState.Deleted) {
    throw new CallRefusedError(WireCode.RecordNotFoundError, 'seq: no such message')
  }
  if (row.state === MessageState.Revoked) {
    throw new CallRefusedError(WireCode.MsgAlreadyRevoke, 'the message was revoked before')
  }
  return row
}

function assertMayRevoke(
  { caller, nowMs, settings }: OperationContext,
  row: StoredMessage,
  userId: UserId,
): void {
  if (caller.isAdmin) return
  if (row.senderId !== userId) throw noPermissionError('only the sender may revoke a message')
  const { revokeLimitS } = settings
  if (revokeLimitS > 0 && nowMs - row.sentMs > revokeLimitS * 1_000) {
    throw noPermissionError(`a message may be revoked for ${revokeLimitS} s (REVOKE_LIMIT_S)`)
  }
}

/** An administrator who is no party speaks for the sender: the notice belongs to the conversation of the two. */
function* tellRevoked(context: OperationContext, row: StoredMessage, userId: UserId): Operation<void> {
  const { conversationId, seq, senderId, body } = row
  const head = (yield* headOf(conversationId))!
  const { a, b } = head
  const isGroup = isOfGroup(head)
  const revoker = isGroup || isParty(head, userId) ? userId : senderId
  const other = revoker === a ? b : a
  yield* notifyChat(context, isGroup ? { userId: '', groupId: a } : { userId: other, groupId: '' }, {
    contentType: ContentType.Revoked,
    senderId: revoker,
    detail: {
      revokerUserID: context.caller.userId,
      clientMsgID: MsgData.decode(body).clientMsgID,
      revokeTime: context.nowMs,
      // Spelled so by OpenIM.
      sesstionType: isGroup ? SessionType.Group : SessionType.Single,
      seq,
      conversationID: conversationId,
      isAdminRevoke: context.caller.isAdmin,
    },
    isStored: true,
  })
}
