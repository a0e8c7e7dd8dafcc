/** What a group says of itself, and whether its ordinary members may speak. */
import { ContentType } from '../../openim/content-types.js'
import type { Operation } from '../../store/ports/database.js'
import { argsError } from '../call-refused.js'
import { type OperationContext, operation } from '../operations/operation.js'
import { changeList, GROUP_ITSELF } from './membership.js'
import { assertManager } from './rights.js'
import { type Group, type GroupId, lockGroup, writeGroup } from './stored.js'
import { actor, tellGroup } from './tips.js'
import { GroupStatus } from './values.js'

/** Null or absent: it stays as it is. */
interface Given {
  groupID: GroupId
  groupName?: string | null
  notification?: string | null
  introduction?: string | null
  faceURL?: string | null
  ex?: string | null
  needVerification?: number | null
  lookMemberInfo?: number | null
  applyMemberFriend?: number | null
}

export const setGroup = operation('writer', function* (context, given: Given): Operation<object> {
  if (typeof given.groupName === 'string' && given.groupName.trim() === '')
    throw argsError('groupName: expected a name')
  return yield* change(context, given)
})

/** The path of older clients: an empty text stays as it is. */
export const setGroupOld = operation(
  'writer',
  function* (context, { groupInfoForSet: given }: { groupInfoForSet: Given }): Operation<object> {
    const { groupName, notification, introduction, faceURL, ...others } = given
    const texts = { groupName, notification, introduction, faceURL }
    return yield* change(context, {
      ...others,
      ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text)),
    })
  },
)

function* change(context: OperationContext, given: Given): Operation<object> {
  const { groupID, groupName, notification } = given
  const locked = yield* lockGroup(groupID)
  yield* assertManager(context.caller, groupID)
  const isAnnounced = typeof notification === 'string'
  const others = othersOf(given)
  const set: Partial<Group> = {
    ...others,
    ...(typeof groupName === 'string' && { name: groupName }),
    ...(isAnnounced && announcementOf(context, notification, locked.head.maxSeq)),
  }
  if (Object.keys(set).length === 0) return {}
  yield* writeGroup(locked, set)
  const listChange = yield* changeList(locked, [GROUP_ITSELF])
  const opUser = yield* actor(context, groupID)
  const tip = { change: listChange, detail: { opUser } }
  if (isAnnounced) {
    // A text that is taken away is no news.
    const hasLine = notification.trim() === '' ? false : undefined
    yield* tellGroup(context, locked, { ...tip, contentType: ContentType.GroupAnnounced, hasLine })
  }
  if (typeof groupName === 'string')
    yield* tellGroup(context, locked, { ...tip, contentType: ContentType.GroupRenamed })
  if (Object.keys(others).length > 0) {
    const detail = { opUser, muteTime: 0 }
    yield* tellGroup(context, locked, { ...tip, detail, contentType: ContentType.GroupChanged })
  }
  return {}
}

function othersOf(given: Given): Partial<Group> {
  const { introduction, faceURL, ex, needVerification, lookMemberInfo, applyMemberFriend } = given
  return {
    ...(typeof introduction === 'string' && { introduction }),
    ...(typeof faceURL === 'string' && { faceUrl: faceURL }),
    ...(typeof ex === 'string' && { ex }),
    ...(typeof needVerification === 'number' && { needVerification }),
    ...(typeof lookMemberInfo === 'number' && { lookMembers: lookMemberInfo }),
    ...(typeof applyMemberFriend === 'number' && { addFriends: applyMemberFriend }),
  }
}

/** `last`: the last message before it. Its own line is the next one: whoever comes later need not be told of it. */
function announcementOf(
  { caller, nowMs }: OperationContext,
  notification: string,
  last: number,
): Partial<Group> {
  const isText = notification.trim() !== ''
  return {
    notification: isText ? notification : '',
    notifiedMs: nowMs,
    notifierId: caller.userId,
    noticeSeq: isText ? last + 1 : 0,
  }
}

export const muteGroup = operation(
  'writer',
  function* (context, { groupID }: { groupID: GroupId }): Operation<object> {
    yield* setStatus(context, groupID, GroupStatus.Muted, ContentType.GroupMuted)
    return {}
  },
)

export const unmuteGroup = operation(
  'writer',
  function* (context, { groupID }: { groupID: GroupId }): Operation<object> {
    yield* setStatus(context, groupID, GroupStatus.Normal, ContentType.GroupUnmuted)
    return {}
  },
)

function* setStatus(
  context: OperationContext,
  groupId: GroupId,
  status: number,
  contentType: number,
): Operation<void> {
  const locked = yield* lockGroup(groupId)
  yield* assertManager(context.caller, groupId)
  yield* writeGroup(locked, { status })
  const listChange = yield* changeList(locked, [GROUP_ITSELF])
  const detail = { opUser: yield* actor(context, groupId), operationTime: 0 }
  yield* tellGroup(context, locked, { contentType, change: listChange, detail })
}
