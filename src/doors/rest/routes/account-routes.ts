/** Who is registered, over REST. */
import { z } from 'zod'
import { type Route, userIdField } from '../route.js'
import {
  idField,
  idsField,
  operationRoute,
  optionalTextField,
  own,
  pageField,
  TEXT_LENGTH_MAX,
  textField,
} from './operation-route.js'

const USERS_MAX = 1_000

const profile = { nickname: optionalTextField, faceURL: optionalTextField, ex: optionalTextField }
const recvOpt = z.int().min(0).max(2)

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
    operationRoute({
      path: '/user/update_user_info_ex',
      operation: 'updateProfile',
      ...own,
      doc: "Changes what is given of a user's profile. Friends hear of a new nickname or face.",
      body: z.object({
        userInfo: z.object({ userID: idField, ...profile, globalRecvMsgOpt: recvOpt.nullish() }),
      }),
      answers: [],
    }),
    operationRoute({
      path: '/user/update_user_info',
      operation: 'updateProfileOld',
      ...own,
      doc: 'The same as older clients ask it: an empty text and 0 change nothing.',
      body: z.object({
        userInfo: z.object({ userID: idField, ...profile, globalRecvMsgOpt: recvOpt.nullish() }),
      }),
      answers: [],
    }),
    operationRoute({
      path: '/user/set_global_msg_recv_opt',
      operation: 'setGlobalRecvOpt',
      ...own,
      doc: 'Whether messages of single chats reach a user: 0 = yes, 1 = no, 2 = without a push where they are away.',
      body: z.object({ userID: idField, globalRecvMsgOpt: recvOpt }),
      answers: [],
    }),
    operationRoute({
      path: '/user/add_notification_account',
      operation: 'addNotificationAccount',
      may: 'admin',
      doc: 'Makes an account that notifies users; without `userID` it gets one of ten digits.',
      body: z.object({
        userID: textField,
        nickName: z.string().min(1).max(TEXT_LENGTH_MAX),
        faceURL: textField,
        appMangerLevel: z.int(),
      }),
      answers: ['userID', 'nickName', 'faceURL', 'appMangerLevel'],
      isAct: true,
    }),
    operationRoute({
      path: '/user/update_notification_account',
      operation: 'updateNotificationAccount',
      may: 'admin',
      doc: 'Changes its nickname and face; an empty text changes nothing.',
      body: z.object({ userID: userIdField, nickName: textField, faceURL: textField }),
      answers: [],
      isAct: true,
    }),
    operationRoute({
      path: '/user/search_notification_account',
      operation: 'searchNotificationAccounts',
      may: 'admin',
      doc: 'Notification accounts with this exact ID or nickname, or all.',
      body: z.object({ keyword: textField, pagination: pageField }),
      answers: ['total', 'notificationAccounts'],
    }),
  ]
}
