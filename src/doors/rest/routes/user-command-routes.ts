/** What clients note for a user, over REST. */
import { z } from 'zod'
import type { Route } from '../route.js'
import { idField, operationRoute, optionalTextField, SELF } from './operation-route.js'

const UUID_LENGTH_MAX = 128
const type = z.int().refine((given) => given !== 0, 'expected a number that is not 0')
const named = z.object({ userID: idField, type, uuid: z.string().min(1).max(UUID_LENGTH_MAX) })
const given = named.extend({ value: optionalTextField, ex: optionalTextField })
const own = { may: 'token', mayNote: SELF } as const

export function userCommandRoutes(): Route[] {
  return [
    operationRoute({
      path: '/user/process_user_command_add',
      operation: 'addCommand',
      ...own,
      doc: 'Notes something for a user, under a type and an ID that the client chooses; at most 1,000.',
      body: given,
      answers: [],
    }),
    operationRoute({
      path: '/user/process_user_command_update',
      operation: 'updateCommand',
      ...own,
      doc: 'Changes what is given of it.',
      body: given,
      answers: [],
    }),
    operationRoute({
      path: '/user/process_user_command_delete',
      operation: 'deleteCommand',
      ...own,
      doc: 'Removes it.',
      body: named,
      answers: [],
    }),
    operationRoute({
      path: '/user/process_user_command_get',
      operation: 'commandsOfType',
      ...own,
      doc: 'What is noted under a type.',
      body: z.object({ userID: idField, type }),
      answers: ['CommandResp'],
    }),
    operationRoute({
      path: '/user/process_user_command_get_all',
      operation: 'allCommands',
      ...own,
      doc: 'All that is noted for a user.',
      body: z.object({ userID: idField }),
      answers: ['CommandResp'],
    }),
  ]
}
