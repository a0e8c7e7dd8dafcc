/** What follows from changes in groups, or for them, a slice at a time. */
import { ContentType } from '../../openim/content-types.js'
import { MsgData } from '../../openim/proto/messages.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import { groupChatId } from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { put, scan } from '../../store/ports/steps.js'
import { nextAfter } from '../../store/schema/fill-rows.js'
import { memberships, records } from '../../store/schema/tables.js'
import { atUsersOf } from '../messages/at-users.js'
import { conversationsChanged, notify, notifyGroup } from '../messages/notices.js'
import { messagesAt } from '../messages/stored.js'
import type { OperationContext } from '../operations/operation.js'
import { bumpEach, ChangeState, List } from '../people/version-log.js'
import { changeList, lockRecords } from './membership.js'
import { findGroup, findMember, findMembers, lockAny, writeGroup } from './stored.js'
import { actor, tellGroup } from './tips.js'
import { AtType, GroupStatus } from './values.js'
import { memberInfos } from './wire.js'

/** Groups of one transaction. */
const SLICE = 20

/** Members who have no name or picture of their own in a group are shown there with those of their profile. */
export function* tellGroupsOf(
  context: OperationContext,
  userId: UserId,
  after: string,
): Operation<string | undefined> {
  const from = after === '' ? undefined : nextAfter(after)
  const own = yield* scan(memberships, [bucketOfUser(userId), userId], {
    limit: SLICE,
    ...(from !== undefined && { from }),
  })
  for (const { groupId } of own) {
    const locked = yield* lockAny(groupId)
    const member = yield* findMember(groupId, userId)
    if (member === undefined || (member.nickname !== '' && member.faceUrl !== '')) continue
    const change = yield* changeList(locked, [userId])
    const [changedUser] = yield* memberInfos([member])
    const byThem = { ...context, caller: { ...context.caller, userId } }
    const opUser = yield* actor(byThem, groupId)
    yield* tellGroup(context, locked, {
      contentType: ContentType.MemberChanged,
      change,
      detail: { opUser, operationTime: 0, changedUser, groupSortVersion: 0 },
      senderId: userId,
    })
  }
  return own.length < SLICE ? undefined : own.at(-1)!.groupId
}

/** Marks the conversation of each member that a message names. `seq` is the number of the message. */
export function* markNamed(context: OperationContext, groupId: string, seq: string): Operation<undefined> {
  const group = yield* findGroup(groupId)
  const [row] = yield* messagesAt(groupChatId(groupId), [Number(seq)])
  if (group === undefined || group.status === GroupStatus.Dismissed || row === undefined) return undefined
  const { isAll, userIds } = atUsersOf(MsgData.decode(row.body))
  if (isAll) yield* markAll(context, groupId, row.seq, row.senderId)
  const named = (yield* findMembers(groupId, userIds)).map(({ userId }) => userId)
  if (named.length === 0) return undefined
  const { locked } = yield* lockRecords(groupId, named)
  const atType = isAll ? AtType.AllAndMe : AtType.Me
  yield* put(
    records,
    locked.map((record) => ({ ...record, atType })),
  )
  const conversationId = groupChatId(groupId)
  yield* bumpEach(List.Conversations, named, conversationId, ChangeState.Update)
  yield* notify(context, ...named.map((userId) => conversationsChanged(userId, [conversationId])))
  return undefined
}

/** One row serves all members: see `conversations/marks.ts`. */
function* markAll(
  context: OperationContext,
  groupId: string,
  seq: number,
  senderId: UserId,
): Operation<void> {
  const locked = yield* lockAny(groupId)
  if (locked.group.atAllSeq >= seq) return
  yield* writeGroup(locked, { atAllSeq: seq, atAllBy: senderId })
  yield* tellMarked(context, groupId, senderId)
}

/** Members read the conversation of their list again. */
export function* tellMarked(context: OperationContext, groupId: string, senderId: UserId): Operation<void> {
  yield* notifyGroup(context, {
    contentType: ContentType.ConversationChanged,
    senderId,
    audience: { groupId, epoch: 0 },
    detail: { userID: '', conversationIDList: [groupChatId(groupId)] },
  })
}
