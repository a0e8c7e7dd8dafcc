/** Users over REST. However many callers ask at once, the store hears one question. */
import { z } from 'zod'
import type { UserPlatforms } from '../../../rules/types.js'
import { type Route, route } from '../route.js'
import { chargeAddress } from '../serve-call.js'

const USERS_MAX = 1_000
/** So many users in a question count as one call more of their address. */
const USERS_A_CALL = 10

export function userRoutes(): Route[] {
  return [
    route({
      path: '/user/get_users_status',
      may: 'token',
      mayNote: 'any token; with WATCH_POLICY=`admin` an administrator, and users about themselves',
      doc:
        'Where users are, at most 1,000, in the whole cluster: `userID`, `status` 1 or 0, `platformIDs` or null. One ' +
        'for each ID that was asked for, in order; an ID that no user can have is offline.',
      body: z.object({ userIDs: z.array(z.string()).min(1).max(USERS_MAX) }),
      answers: ['statusList'],
      isAct: false,
      handle: async (deps, { userIDs }, call) => {
        const asker = call.caller!
        deps.statuses.charge(asker, userIDs)
        if (!asker.isAdmin) chargeAddress(deps, call, Math.floor(userIDs.length / USERS_A_CALL))
        return { statusList: (await deps.statuses.of(userIDs)).map(statusData) }
      },
    }),
  ]
}

/** `platformIDs` null of users who are offline, as OpenIM has it. */
function statusData({ userId, platformIds }: UserPlatforms) {
  const isOnline = platformIds.length > 0
  return { userID: userId, status: isOnline ? 1 : 0, platformIDs: isOnline ? platformIds : null }
}
