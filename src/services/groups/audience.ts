/** What io threads ask of groups: which of them a user is in, and who has come or left since a version. */

import type { MembersSince, OwnGroup } from '../../rules/messages/audiences.js'
import { groupChatId } from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { headOf, headsOf } from '../messages/stored.js'
import { changesSince, List, headOf as listHeadOf } from '../people/version-log.js'
import { GROUP_ITSELF } from './membership.js'
import { findMembers, type GroupId, groupIdsOf, membersOf } from './stored.js'

export function* ownGroups(userId: UserId): Operation<OwnGroup[]> {
  const heads = yield* headsOf((yield* groupIdsOf(userId)).map(groupChatId))
  return [...heads.values()].map(({ a: groupId, rightsEpoch: epoch }) => ({ groupId, epoch }))
}

export function* membersSince(groupId: GroupId, since: number): Operation<MembersSince> {
  const epoch = (yield* headOf(groupChatId(groupId)))?.rightsEpoch ?? 0
  const { versionId } = yield* listHeadOf(List.Members, groupId)
  const { isFull, inserted, updated, deleted } = yield* changesSince(List.Members, groupId, {
    version: since,
    versionId,
  })
  if (isFull) {
    const all = (yield* membersOf(groupId)).map(({ userId }) => userId)
    return { epoch, changes: undefined, all }
  }
  const touched = [...inserted, ...updated, ...deleted].filter((userId) => userId !== GROUP_ITSELF)
  const now = new Set((yield* findMembers(groupId, touched)).map(({ userId }) => userId))
  return { epoch, changes: touched.map((userId) => ({ userId, isMember: now.has(userId) })), all: [] }
}
