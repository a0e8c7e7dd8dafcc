/**
 * Users over REST.
 *
 *   POST /user/get_users_status   users, at most 1,000 -> on which platforms each is, in the whole cluster
 *
 * Any good token may ask, as in OpenIM. However many callers ask at once, the store hears one question.
 */
import { Hono } from 'hono'
import { z } from 'zod'
import { WireCode } from '../gateway/wire-errors.js'
import type { UserId, UserPlatforms } from '../presence/types.js'
import { ApiError } from './envelope.js'
import { answer, authenticate, type Door, readBody, userIdField } from './requests.js'

const USERS_MAX = 1_000

export interface UserDeps extends Door {
  /** Who is where, in order; a user who could not be read is missing. Rejects while the store is away. */
  whereabouts(userIds: UserId[]): Promise<UserPlatforms[]>
  /** Hears of every failure that is not the caller's. */
  report(error: unknown, path: string): void
}

export function userRoutes(deps: UserDeps): Hono {
  const app = new Hono()
  app.post('/get_users_status', async (c) => {
    await authenticate(deps, c.req.header('token') ?? '')
    const body = z.object({ userIDs: z.array(userIdField).min(1).max(USERS_MAX) })
    const { userIDs } = await readBody(c, body)
    const found = await deps.whereabouts(userIDs).catch((error: unknown) => {
      deps.report(error, c.req.path)
      throw new ApiError(WireCode.DatabaseError, 'the store is out of reach; try again later')
    })
    if (found.length < userIDs.length)
      throw new ApiError(WireCode.DatabaseError, 'not every user could be read; try again later')
    return answer(c, { statusList: found.map(statusData) })
  })
  return app
}

/** `platformIDs` null of who is offline, as OpenIM has it. */
function statusData({ userId, platformIds }: UserPlatforms) {
  const isOnline = platformIds.length > 0
  return { userID: userId, status: isOnline ? 1 : 0, platformIDs: isOnline ? platformIds : null }
}
