/** What each kind of follow-up does, a slice at a time. */
import type { Operation } from '../../store/ports/database.js'
import { findOne, put, remove } from '../../store/ports/steps.js'
import { followUps } from '../../store/schema/tables.js'
import { markNamed, tellGroupsOf } from '../groups/follow-ups.js'
import { dismissMore } from '../groups/leaving.js'
import type { OperationContext } from '../operations/operation.js'
import { BUCKET, FollowUp } from './follow-ups.js'
import { tellFriendsOf } from './profiles.js'

/** Does a slice for what comes after `after`, '' = the beginning. Gives where the next one goes on; undefined = all is done. */
type DoSlice = (context: OperationContext, subject: string, after: string) => Operation<string | undefined>

const SLICES: Readonly<Record<FollowUp, DoSlice>> = {
  [FollowUp.ProfileToFriends]: tellFriendsOf,
  [FollowUp.ProfileToGroups]: tellGroupsOf,
  [FollowUp.Dismissal]: dismissMore,
  [FollowUp.Naming]: markNamed,
}

/** A slice of one, in its own transaction. False = it is done. */
export function* doFollowUp(context: OperationContext, jobId: string): Operation<boolean> {
  const row = yield* findOne(followUps, BUCKET, jobId)
  if (row === undefined) return false
  const after = yield* SLICES[row.kind as FollowUp](context, row.subject, row.after)
  if (after === undefined) yield* remove(followUps, [[BUCKET, jobId]])
  else yield* put(followUps, [{ ...row, after, takenMs: context.nowMs }])
  return after !== undefined
}
