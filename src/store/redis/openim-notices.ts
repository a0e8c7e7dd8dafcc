/**
 * OpenIM's notices, `<p1>:<p2>:...:<userID>` on `online_change`: the whole list of a user's platforms after a change.
 *
 * They are written by assert-presence-n.lua in the same instant as the change, so that no crash between the two
 * loses one. Here they are read; OpenIM's own services write them too.
 */
import type { PlatformId, UserId } from '../../rules/types.js'

export interface Notice {
  userId: UserId
  platformIds: PlatformId[]
}

/** Undefined when the text is not of that form: no user, or a platform that is no number. */
export function parseNotice(text: string): Notice | undefined {
  const parts = text.split(':')
  const userId = parts.pop()
  if (userId === undefined || userId === '') return undefined
  if (!parts.every((part) => /^\d{1,10}$/.test(part))) return undefined
  return { userId, platformIds: parts.map(Number) }
}
