/** What members are in a group: who owns it, who administers it, how they are called there, and who may not speak. */
import { ContentType } from '../../openim/content-types.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { put } from '../../store/ports/steps.js'
import { members } from '../../store/schema/tables.js'
import { argsError, noPermissionError } from '../call-refused.js'
import { assertLength, type OperationContext, operation } from '../operations/operation.js'
import { bump, ChangeState, List, ORDER } from '../people/version-log.js'
import { changeList, type ListChange } from './membership.js'
import { assertMember, assertOutranks, needMember } from './rights.js'
import {
  findMember,
  findMembers,
  type GroupId,
  type LockedGroup,
  lockGroup,
  type Member,
  writeGroup,
} from './stored.js'
import { actor, tellGroup } from './tips.js'
import { MEMBERS_AT_ONCE_MAX, Rank, rankOfLevel } from './values.js'
import { memberInfos } from './wire.js'

// The owner

interface Transfer {
  groupID: GroupId
  oldOwnerUserID: UserId
  newOwnerUserID: UserId
}

/** The two change places. A new owner may speak. */
export const transferGroup = operation(
  'writer',
  function* (context, { groupID, oldOwnerUserID, newOwnerUserID }: Transfer): Operation<object> {
    const { caller } = context
    const locked = yield* lockGroup(groupID)
    if (oldOwnerUserID === newOwnerUserID) throw argsError('newOwnerUserID: the same as oldOwnerUserID')
    const found = yield* findMembers(groupID, [oldOwnerUserID, newOwnerUserID])
    const [before, after] = found
    if (before === undefined || after === undefined)
      throw argsError('oldOwnerUserID, newOwnerUserID: expected two members of the group')
    if (before.rank !== Rank.Owner) throw argsError('oldOwnerUserID: is not the owner')
    if (!caller.isAdmin && caller.userId !== oldOwnerUserID)
      throw noPermissionError('only the owner may make another member the owner')
    if (after.muteEndMs > 0) yield* mute(context, locked, { ...after, muteEndMs: 0 }, 0)
    const swapped = [
      { ...before, rank: after.rank },
      { ...after, rank: Rank.Owner, muteEndMs: 0 },
    ]
    yield* put(members, swapped)
    yield* writeGroup(locked, { ownerId: newOwnerUserID })
    const change = yield* changeOrder(locked, [oldOwnerUserID, newOwnerUserID])
    const [oldGroupOwnerInfo, newGroupOwner] = yield* memberInfos(swapped)
    const detail = { oldGroupOwner: '', oldGroupOwnerInfo, newGroupOwner, operationTime: 0 }
    yield* tellGroup(context, locked, {
      contentType: ContentType.OwnerChanged,
      change,
      detail: { opUser: yield* actor(context, groupID), ...detail },
    })
    return {}
  },
)

/** Where members stand in the list. */
function* changeOrder(
  { group: { groupId }, head }: LockedGroup,
  userIds: readonly UserId[],
): Operation<ListChange> {
  const elements = [ORDER, ...userIds]
  const { version, versionId } = yield* bump(List.Members, groupId, elements, ChangeState.Update)
  return { audience: { groupId, epoch: head.rightsEpoch }, version, versionId }
}

// Members

interface Wanted {
  groupID: GroupId
  userID: UserId
  nickname?: string | null
  faceURL?: string | null
  roleLevel?: number | null
  ex?: string | null
}

export const setMembers = operation(
  'writer',
  function* (context, { members: wanted }: { members: Wanted[] }): Operation<object> {
    assertLength('members', wanted.length, MEMBERS_AT_ONCE_MAX)
    if (wanted.length === 0) throw argsError('members: expected at least one')
    const names = wanted.map(({ groupID, userID }) => JSON.stringify([groupID, userID]))
    if (new Set(names).size < names.length) throw argsError('members: one comes twice')
    // In one order, so that two such requests never wait for each other.
    const groupIds = [...new Set(wanted.map(({ groupID }) => groupID))].sort()
    for (const groupId of groupIds) {
      const locked = yield* lockGroup(groupId)
      for (const one of wanted) if (one.groupID === groupId) yield* setMember(context, locked, one)
    }
    return {}
  },
)

function* setMember(context: OperationContext, locked: LockedGroup, wanted: Wanted): Operation<void> {
  const { nickname, faceURL, ex, roleLevel } = wanted
  const member = yield* findMember(wanted.groupID, wanted.userID)
  if (member === undefined) throw argsError(`members: ${wanted.userID} is no member of the group`)
  const rank = yield* rankToSet(context, member, roleLevel)
  const set = {
    ...(typeof nickname === 'string' && { nickname }),
    ...(typeof faceURL === 'string' && { faceUrl: faceURL }),
    ...(typeof ex === 'string' && { ex }),
  }
  const isDescribed = Object.keys(set).length > 0
  if (!isDescribed && rank === undefined) return
  const after = { ...member, ...set, rank: rank ?? member.rank }
  yield* put(members, [after])
  const { userId } = member
  const change =
    rank === undefined ? yield* changeList(locked, [userId]) : yield* changeOrder(locked, [userId])
  const groupSortVersion = rank === undefined ? 0 : change.version
  const [changedUser] = yield* memberInfos([after])
  const opUser = yield* actor(context, member.groupId)
  const detail = { opUser, operationTime: 0, changedUser, groupSortVersion }
  if (rank !== undefined) {
    const contentType = rank === Rank.Admin ? ContentType.MemberMadeAdmin : ContentType.MemberMadeOrdinary
    yield* tellGroup(context, locked, { contentType, change, detail })
  }
  if (isDescribed)
    yield* tellGroup(context, locked, { contentType: ContentType.MemberChanged, change, detail })
}

/** Undefined = none was given. Throws where the caller may not set this, or not for this member. */
function* rankToSet(
  { caller }: OperationContext,
  member: Member,
  level: number | null | undefined,
): Operation<Rank | undefined> {
  const own = yield* assertMember(caller, member.groupId)
  const isSelf = caller.userId === member.userId
  if (typeof level !== 'number') {
    const mayAll = caller.isAdmin || own?.rank === Rank.Owner
    if (!isSelf && !mayAll) assertOutranks(caller, own, [member])
    return undefined
  }
  const rank = rankOfLevel(level)
  if (rank === undefined) throw level === 100 ? ownerByTransfer() : argsError('roleLevel: expected 20 or 60')
  if (member.rank === Rank.Owner) throw argsError('roleLevel: the owner stays the owner')
  // One's own rank goes down, never up.
  if (!isSelf || rank < member.rank) assertOutranks(caller, own, [member])
  return rank
}

const ownerByTransfer = () =>
  noPermissionError('roleLevel: a member is made the owner by /group/transfer_group')

// Muting

interface MuteMember {
  groupID: GroupId
  userID: UserId
  mutedSeconds: number
}

export const muteMember = operation(
  'writer',
  function* (context, { groupID, userID, mutedSeconds }: MuteMember): Operation<object> {
    if (mutedSeconds <= 0) throw argsError('mutedSeconds: expected 1 or more')
    const { locked, member } = yield* needMutable(context, groupID, userID)
    const muteEndMs = context.nowMs + mutedSeconds * 1_000
    yield* mute(context, locked, { ...member, muteEndMs }, mutedSeconds)
    return {}
  },
)

export const unmuteMember = operation(
  'writer',
  function* (context, { groupID, userID }: Pick<MuteMember, 'groupID' | 'userID'>): Operation<object> {
    const { locked, member } = yield* needMutable(context, groupID, userID)
    yield* mute(context, locked, { ...member, muteEndMs: 0 }, 0)
    return {}
  },
)

function* needMutable(
  { caller }: OperationContext,
  groupId: GroupId,
  userId: UserId,
): Operation<{ locked: LockedGroup; member: Member }> {
  const locked = yield* lockGroup(groupId)
  const member = yield* needMember(groupId, userId)
  const own = caller.isAdmin ? undefined : yield* needMember(groupId, caller.userId)
  assertOutranks(caller, own, [member])
  return { locked, member }
}

/** `seconds` 0 = the member may speak. */
function* mute(
  context: OperationContext,
  locked: LockedGroup,
  member: Member,
  seconds: number,
): Operation<void> {
  yield* put(members, [member])
  const change = yield* changeList(locked, [member.userId])
  const [mutedUser] = yield* memberInfos([member])
  yield* tellGroup(context, locked, {
    contentType: seconds > 0 ? ContentType.MemberMuted : ContentType.MemberUnmuted,
    change,
    detail: {
      opUser: yield* actor(context, member.groupId),
      operationTime: 0,
      mutedUser,
      ...(seconds > 0 && { mutedSeconds: seconds }),
    },
  })
}
