/** What all changes must be, whichever form they crossed in. */
import type { Claim, Snapshot } from '../../rules/types.js'
import { USER_ID_BYTES_MAX } from '../../rules/user-id.js'
import { LIST_MAX } from './bounds.js'
import { isNumber, isNumbers, isText } from './shapes.js'

/** A list of changes, or an Error. `width`: how many elements of the list are one change. */
export function changeList(body: unknown, width: number): unknown[] {
  if (!Array.isArray(body) || body.length > LIST_MAX * width) throw new Error('Not a list of changes.')
  return body
}

/** Returns the snapshot. Throws an Error if it is malformed: anyone who may publish can write anything. */
export function checkedSnapshot(snapshot: Snapshot): Snapshot {
  const { userId, version, claims, foreign } = snapshot
  const isChange = isUserId(userId) && isNumber(version) && claims.every(isClaim) && isNumbers(foreign)
  if (!isChange) throw new Error('Not a change.')
  return snapshot
}

function isUserId(value: unknown): boolean {
  return isText(value) && value.length <= USER_ID_BYTES_MAX
}

function isClaim({ platformId, holder }: Claim): boolean {
  return isNumber(platformId) && isText(holder)
}
