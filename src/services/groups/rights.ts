/** Who may do what in a group. Administrators of the installation may do everything. */
import { WireCode } from '../../openim/codes.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { CallRefusedError, noPermissionError } from '../call-refused.js'
import type { Caller } from '../operations/operation.js'
import { findMember, type GroupId, type Member } from './stored.js'
import { Rank } from './values.js'

/** The caller as a member; undefined = an administrator of the installation, who need not be one. Throws 1002 for others. */
export function* assertMember({ userId, isAdmin }: Caller, groupId: GroupId): Operation<Member | undefined> {
  const member = yield* findMember(groupId, userId)
  if (member === undefined && !isAdmin) throw noPermissionError('only members of the group may ask for this')
  return member
}

/** The owner, an administrator of the group, or one of the installation. Throws 1004 for who is no member, 1002 for others. */
export function* assertManager(caller: Caller, groupId: GroupId): Operation<void> {
  if (caller.isAdmin) return
  const member = yield* findMember(groupId, caller.userId)
  if (member === undefined)
    throw new CallRefusedError(WireCode.RecordNotFoundError, 'you are no member of the group')
  if (member.rank > Rank.Admin)
    throw noPermissionError('only the owner and administrators of the group may do this')
}

/** Throws unless the caller may act on these members: the owner on all others, administrators on ordinary ones. */
export function assertOutranks(
  caller: Caller,
  own: Member | undefined,
  targets: readonly Pick<Member, 'userId' | 'rank'>[],
): void {
  if (targets.some(({ rank }) => rank === Rank.Owner))
    throw noPermissionError('not of the owner of the group')
  if (caller.isAdmin) return
  const mayAll = own?.rank === Rank.Owner
  const mayOrdinary = own?.rank === Rank.Admin && targets.every(({ rank }) => rank === Rank.Member)
  if (!mayAll && !mayOrdinary)
    throw noPermissionError(
      'only the owner of the group, or an administrator of it for ordinary members, may do this',
    )
}

/** Throws 1004 where a user is no member. */
export function* needMember(groupId: GroupId, userId: UserId): Operation<Member> {
  const member = yield* findMember(groupId, userId)
  if (member === undefined)
    throw new CallRefusedError(WireCode.RecordNotFoundError, `${userId}: no member of the group`)
  return member
}
