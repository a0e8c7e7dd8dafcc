/** What members are told of a change of their group: a hint that clients act on, and for some a line in the chat. */
import { ContentType } from '../../openim/content-types.js'
import type { GroupMemberFullInfo } from '../../openim/proto/people.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { notifyGroup, writeGroupLine } from '../messages/notices.js'
import type { OperationContext } from '../operations/operation.js'
import { profilesOf, publicInfo } from '../people/wire.js'
import type { ListChange } from './membership.js'
import { findMember, type GroupId, type LockedGroup } from './stored.js'
import { levelOf, Rank } from './values.js'
import { groupInfo, memberInfo } from './wire.js'

/** These are lines of the chat too, as in OpenIM's configuration as it is shipped. */
const HAVE_LINES: ReadonlySet<number> = new Set([
  ContentType.GroupCreated,
  ContentType.MemberQuit,
  ContentType.OwnerChanged,
  ContentType.MembersKicked,
  ContentType.MembersInvited,
  ContentType.MemberEntered,
  ContentType.GroupDismissed,
  ContentType.MemberMuted,
  ContentType.MemberUnmuted,
  ContentType.GroupMuted,
  ContentType.GroupUnmuted,
  ContentType.GroupAnnounced,
  ContentType.GroupRenamed,
])
/** OpenIM's level of an administrator of the installation. */
const ADMIN_LEVEL = 2

export interface Tip {
  contentType: number
  change: ListChange
  /** Beside the group and the version. */
  detail: object
  senderId?: UserId
  alsoTo?: readonly UserId[]
  /** What the request says of a line; else it is as usual. */
  hasLine?: boolean | null | undefined
}

/** Clients apply what they are told where the version is the one after theirs: it has to be that of this very change. */
export function* tellGroup(context: OperationContext, { group }: LockedGroup, tip: Tip): Operation<void> {
  const { contentType, change, alsoTo = [], senderId = context.caller.userId } = tip
  const isVersioned = contentType !== ContentType.GroupDismissed
  const version = { groupMemberVersion: change.version, groupMemberVersionID: change.versionId }
  const detail = { group: groupInfo(group), ...tip.detail, ...(isVersioned && version) }
  const notice = { contentType, senderId, audience: change.audience, detail, alsoTo }
  yield* notifyGroup(context, notice)
  if (tip.hasLine ?? HAVE_LINES.has(contentType)) yield* writeGroupLine(context, notice)
}

/** Whoever acts, as members see them. */
export function* actor(
  { caller: { userId, isAdmin } }: OperationContext,
  groupId: GroupId,
): Operation<GroupMemberFullInfo> {
  const profiles = yield* profilesOf([userId])
  const member = yield* findMember(groupId, userId)
  if (member !== undefined) return memberInfo(member, profiles)
  const { nickname, faceURL } = publicInfo(profiles, userId)
  return {
    groupID: groupId,
    userID: userId,
    roleLevel: isAdmin ? levelOf(Rank.Admin) : 0,
    joinTime: 0,
    nickname,
    faceURL,
    appMangerLevel: isAdmin ? ADMIN_LEVEL : 0,
    joinSource: 0,
    operatorUserID: isAdmin ? '' : userId,
    ex: '',
    muteEndTime: 0,
    inviterUserID: '',
  }
}
