/** The groups of a user: the list as a whole, in pages, and what changed since a version; and groups by their IDs. */
import { WireCode } from '../../openim/codes.js'
import type { RequestPagination } from '../../openim/proto/conversations.js'
import type { GetIncrementalJoinGroupReq, GroupInfo } from '../../openim/proto/people.js'
import { hashOf } from '../../rules/hash.js'
import { compareIds } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { assertLength, assertSelf, operation, sliceOf } from '../operations/operation.js'
import { idsOrEqual, incremental } from '../people/known-list.js'
import { List } from '../people/version-log.js'
import { assertMember } from './rights.js'
import { findGroup, findGroups, type Group, type GroupId, groupIdsOf, membersOf } from './stored.js'
import { GroupStatus } from './values.js'
import { groupInfo, memberInfos } from './wire.js'

/** Groups that one request may name, or one page show. */
export const GROUPS_MAX = 1_000

/** In the order of the list: by name, then by age. Dismissed ones are nobody's any more. */
function* joinedGroups(userId: UserId): Operation<Group[]> {
  const own = yield* findGroups(yield* groupIdsOf(userId))
  return own
    .filter(({ status }) => status !== GroupStatus.Dismissed)
    .sort((one, other) => compareIds(one.name, other.name) || one.createdMs - other.createdMs)
}

export const joinedGroupsPage = operation(
  'reader',
  function* (
    { caller },
    { fromUserID, pagination }: { fromUserID: UserId; pagination: RequestPagination },
  ): Operation<{ groups: GroupInfo[]; total: number }> {
    assertSelf(caller, fromUserID)
    const { offset, limit } = sliceOf(pagination, GROUPS_MAX)
    const own = yield* joinedGroups(fromUserID)
    return { groups: own.slice(offset, offset + Math.max(0, limit)).map(groupInfo), total: own.length }
  },
)

export const incrementalGroups = operation(
  'reader',
  function* ({ caller }, { userID, ...known }: GetIncrementalJoinGroupReq): Operation<object> {
    assertSelf(caller, userID)
    const { answer } = yield* incremental(List.JoinedGroups, userID, known, groupInfosOf)
    return { ...answer, sortVersion: 0 }
  },
)

export const joinedGroupIds = operation(
  'reader',
  function* ({ caller }, { userID, idHash }: { userID: UserId; idHash: number }): Operation<object> {
    assertSelf(caller, userID)
    const own = (yield* joinedGroups(userID)).map(({ groupId }) => groupId)
    const { ids, ...answer } = yield* idsOrEqual(List.JoinedGroups, userID, own, idHash)
    return { ...answer, groupIDs: ids }
  },
)

/** Those that are there, dismissed ones too. */
export const groupsInfo = operation(
  'reader',
  function* (_, { groupIDs }: { groupIDs: GroupId[] }): Operation<{ groupInfos: GroupInfo[] }> {
    assertGroups(groupIDs)
    return { groupInfos: yield* groupInfosOf(groupIDs) }
  },
)

/** How many members groups have, and a hash of what they are. */
export const groupAbstracts = operation(
  'reader',
  function* ({ caller }, { groupIDs }: { groupIDs: GroupId[] }): Operation<object> {
    assertGroups(groupIDs)
    const groupAbstractInfos: object[] = []
    for (const groupID of groupIDs) {
      const group = yield* findGroup(groupID)
      if (group === undefined || group.memberCount === 0)
        throw new CallRefusedError(
          WireCode.GroupIDNotFoundError,
          `${groupID}: no such group, or nobody is in it`,
        )
      yield* assertMember(caller, groupID)
      const all = yield* memberInfos(yield* membersOf(groupID))
      all.sort((one, other) => compareIds(one.userID, other.userID))
      groupAbstractInfos.push({
        groupID,
        groupMemberNumber: all.length,
        groupMemberListHash: Number(hashOf('md5', JSON.stringify(all)).readBigUInt64BE()),
      })
    }
    return { groupAbstractInfos }
  },
)

function assertGroups(groupIds: readonly GroupId[]): void {
  assertLength('groupIDs', groupIds.length, GROUPS_MAX)
  if (groupIds.length === 0) throw argsError('groupIDs: expected at least one')
  if (new Set(groupIds).size < groupIds.length) throw argsError('groupIDs: a group comes twice')
}

function* groupInfosOf(groupIds: readonly GroupId[]): Operation<GroupInfo[]> {
  return (yield* findGroups(groupIds)).map(groupInfo)
}
