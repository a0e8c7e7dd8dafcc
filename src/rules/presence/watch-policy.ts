/** WATCH_POLICY: who may ask where a user is. */
import type { UserId } from '../types.js'

export type WatchPolicy = 'open' | 'admin'

/** Whether `asker` may know where `userId` is. Everybody may know it of themselves. */
export function watchRule(
  policy: WatchPolicy,
  isAdmin: (userId: UserId) => boolean,
): (asker: UserId, userId: UserId) => boolean {
  if (policy === 'open') return () => true
  return (asker, userId) => asker === userId || isAdmin(asker)
}
