/** Who is registered, over REST. */
import { z } from 'zod'
import { idField, idsField, operationRoute, textField } from './operation-route.js'
import { type Route, userIdField } from './route.js'

const USERS_MAX = 1_000

export function accountRoutes(): Route[] {
  return [
    operationRoute({
      path: '/user/user_register',
      operation: 'registerUsers',
      may: 'admin',
      doc: 'Registers users, all or none; with 1102 one of them is registered already.',
      body: z.object({
        users: z
          .array(
            z.object({
              userID: userIdField,
              nickname: textField,
              faceURL: textField,
              ex: textField,
              appMangerLevel: z.int().min(0).max(4).optional(),
              globalRecvMsgOpt: z.int().min(0).max(2).optional(),
            }),
          )
          .min(1)
          .max(USERS_MAX),
      }),
      answers: [],
      isAct: true,
    }),
    operationRoute({
      path: '/user/account_check',
      operation: 'checkUsers',
      may: 'admin',
      doc: 'Which users are registered: `userID`, `accountStatus` 1 or 0.',
      body: z.object({ checkUserIDs: z.array(idField).min(1).max(USERS_MAX) }),
      answers: ['results'],
    }),
    operationRoute({
      path: '/user/get_users_info',
      operation: 'usersInfo',
      may: 'token',
      doc: 'Profiles of registered users, at most 1,000; unknown ones are left out.',
      body: z.object({ userIDs: idsField }),
      answers: ['usersInfo'],
    }),
  ]
}
