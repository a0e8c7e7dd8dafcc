/** The members of a group: the list as a whole, in pages, by their IDs, and what changed since a version. */
import type { RequestPagination } from '../../openim/proto/conversations.js'
import type { GroupInfo, GroupMemberFullInfo } from '../../openim/proto/people.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { argsError } from '../call-refused.js'
import {
  assertLength,
  assertSelf,
  type OperationContext,
  operation,
  sliceOf,
} from '../operations/operation.js'
import { type Incremental, idsOrEqual, incremental } from '../people/known-list.js'
import { assertDistinct, USERS_MAX } from '../people/users.js'
import { List } from '../people/version-log.js'
import { GROUP_ITSELF } from './membership.js'
import { assertMember } from './rights.js'
import {
  dismissed,
  findGroup,
  findMember,
  findMembers,
  type Group,
  type GroupId,
  membersOf,
  needGroup,
} from './stored.js'
import { GroupStatus } from './values.js'
import { groupInfo, memberInfos } from './wire.js'

/** Changes in one answer for several groups; clients ask again for the groups that are left out. */
const BATCH_CHANGES_MAX = 500
/** Groups in one such request. */
const BATCH_MAX = 500
/** Members who are looked through for a word. */
const SEARCHED_MAX = 10_000

export const membersPage = operation(
  'reader',
  function* (
    { caller },
    { groupID, pagination, keyword }: { groupID: GroupId; pagination: RequestPagination; keyword: string },
  ): Operation<{ members: GroupMemberFullInfo[]; total: number }> {
    const { offset, limit } = sliceOf(pagination, USERS_MAX)
    const group = yield* needGroup(groupID)
    yield* assertMember(caller, groupID)
    if (keyword !== '') {
      const found = yield* searched(groupID, keyword)
      return { members: found.slice(offset, offset + Math.max(0, limit)), total: found.length }
    }
    const page = limit <= 0 || offset >= group.memberCount ? [] : yield* membersOf(groupID, { offset, limit })
    return { members: yield* memberInfos(page), total: group.memberCount }
  },
)

/** By ID, or by a part of the name that they have in the group. */
function* searched(groupId: GroupId, keyword: string): Operation<GroupMemberFullInfo[]> {
  const word = keyword.toLowerCase()
  const all = yield* memberInfos(yield* membersOf(groupId, { limit: SEARCHED_MAX }))
  return all.filter(({ userID, nickname }) => userID === keyword || nickname.toLowerCase().includes(word))
}

/** Those of these that are members, in the order asked. */
export const membersById = operation(
  'reader',
  function* (
    { caller },
    { groupID, userIDs }: { groupID: GroupId; userIDs: UserId[] },
  ): Operation<{ members: GroupMemberFullInfo[] }> {
    assertDistinct('userIDs', userIDs)
    yield* needGroup(groupID)
    yield* assertMember(caller, groupID)
    return { members: yield* memberInfos(yield* findMembers(groupID, userIDs)) }
  },
)

/** In the order of the list. */
export const memberUserIds = operation(
  'reader',
  function* ({ caller }, { groupID }: { groupID: GroupId }): Operation<{ userIDs: UserId[] }> {
    yield* needGroup(groupID)
    yield* assertMember(caller, groupID)
    return { userIDs: yield* idsOfMembers(groupID) }
  },
)

export const memberIds = operation(
  'reader',
  function* ({ caller }, { groupID, idHash }: { groupID: GroupId; idHash: number }): Operation<object> {
    yield* needLiving(groupID)
    yield* assertMember(caller, groupID)
    const { ids, ...answer } = yield* idsOrEqual(List.Members, groupID, yield* idsOfMembers(groupID), idHash)
    return { ...answer, userIDs: ids }
  },
)

function* idsOfMembers(groupId: GroupId): Operation<UserId[]> {
  return (yield* membersOf(groupId)).map(({ userId }) => userId)
}

function* needLiving(groupId: GroupId): Operation<Group> {
  const group = yield* needGroup(groupId)
  if (group.status === GroupStatus.Dismissed) throw dismissed()
  return group
}

interface Known {
  groupID: GroupId
  version: number
  versionID: string
}

type MembersAnswer = Incremental<GroupMemberFullInfo> & { group: GroupInfo | null; sortVersion: number }

export const incrementalMembers = operation(
  'reader',
  function* ({ caller }, known: Known): Operation<MembersAnswer> {
    const group = yield* needLiving(known.groupID)
    yield* assertMember(caller, known.groupID)
    return yield* changesOf(group, known)
  },
)

/** Of each group that the user is in; clients ask again for those that are left out. */
export const incrementalMembersBatch = operation(
  'reader',
  function* (
    context,
    { userID, reqList }: { userID: UserId; reqList: Known[] },
  ): Operation<{ respList: Record<GroupId, MembersAnswer> }> {
    assertSelf(context.caller, userID)
    assertLength('reqList', reqList.length, BATCH_MAX)
    const answers = new Map<GroupId, MembersAnswer>()
    let changes = 0
    for (const known of reqList) {
      if (changes >= BATCH_CHANGES_MAX) break
      if (answers.has(known.groupID)) continue
      const group = yield* ownGroup(context, userID, known.groupID)
      if (group === undefined) continue
      const answer = yield* changesOf(group, known)
      answers.set(known.groupID, answer)
      changes += [answer.insert, answer.update, answer.delete].reduce(
        (sum, list) => sum + (list?.length ?? 0),
        0,
      )
    }
    return { respList: Object.fromEntries(answers) }
  },
)

function* ownGroup(
  { caller }: OperationContext,
  userId: UserId,
  groupId: GroupId,
): Operation<Group | undefined> {
  const group = yield* findGroup(groupId)
  if (group === undefined || group.status === GroupStatus.Dismissed) return undefined
  const isOwn = caller.isAdmin || (yield* findMember(groupId, userId)) !== undefined
  return isOwn ? group : undefined
}

/** The group itself comes along where anything has changed. */
function* changesOf(group: Group, known: Known): Operation<MembersAnswer> {
  const { groupId } = group
  if (known.version < 0) throw argsError('version: expected 0 or more')
  const { answer, changes } = yield* incremental(List.Members, groupId, known, function* (userIds) {
    const members = userIds.filter((userId) => userId !== GROUP_ITSELF)
    return yield* memberInfos(yield* findMembers(groupId, members))
  })
  const { inserted, updated, deleted, orderVersion: sortVersion } = changes
  const isChanged = answer.full || inserted.length + updated.length + deleted.length > 0
  return { ...answer, sortVersion, group: isChanged ? groupInfo(group) : null }
}
