/**
 * Users over REST. However many callers ask at once, the store hears one question.
 */
import { z } from 'zod'
import { WireCode } from '../../openim/codes.js'
import type { PlatformId, UserId } from '../../rules/types.js'
import { checkUserId } from '../../rules/user-id.js'
import { ApiError, noPermissionError, retryAfterError } from './envelope.js'
import { type Call, type Route, type RouteDeps, route } from './route.js'
import { chargeAddress } from './serve-call.js'

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
        'for each that was asked for, in order; who cannot be a user is nowhere.',
      body: z.object({ userIDs: z.array(z.string()).min(1).max(USERS_MAX) }),
      answers: ['statusList'],
      isAct: false,
      handle: async (deps, { userIDs }, call) => {
        checkCaller(deps, userIDs, call)
        const known = await whereabouts(deps, userIDs.filter(isUserId), call.path)
        return { statusList: userIDs.map((userId) => statusData(userId, known.get(userId) ?? [])) }
      },
    }),
  ]
}

function checkCaller(deps: RouteDeps, userIds: UserId[], call: Call): void {
  const { userId: asker, isAdmin } = call.caller!
  if (isAdmin) return
  if (!userIds.every((userId) => deps.mayWatch(asker, userId))) {
    throw noPermissionError('only an administrator may ask about others (WATCH_POLICY)')
  }
  const waitMs = deps.rates.statusesOfUser.take(asker, deps.nowMs(), userIds.length)
  if (waitMs > 0) throw retryAfterError(WireCode.TooManyRequests, 'you ask about too many users', waitMs)
  chargeAddress(deps, call, Math.floor(userIds.length / USERS_A_CALL))
}

async function whereabouts(
  { whereabouts: find, report }: RouteDeps,
  userIds: UserId[],
  path: string,
): Promise<Map<UserId, PlatformId[]>> {
  const found = await find(userIds).catch((error: unknown) => {
    report(error, path)
    throw new ApiError(WireCode.DatabaseError, 'the store is out of reach; try again later')
  })
  if (found.length < userIds.length) {
    throw new ApiError(WireCode.DatabaseError, 'a part of the store is out of reach; try again later')
  }
  return new Map(found.map(({ userId, platformIds }) => [userId, platformIds]))
}

function isUserId(text: string): boolean {
  return checkUserId(text) === undefined
}

/** `platformIDs` null of who is offline, as OpenIM has it. */
function statusData(userId: UserId, platformIds: PlatformId[]) {
  const isOnline = platformIds.length > 0
  return { userID: userId, status: isOnline ? 1 : 0, platformIDs: isOnline ? platformIds : null }
}
