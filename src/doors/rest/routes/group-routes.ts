/**
 * Groups over REST, as far as a client's login needs them: there are none, and the answers say so in the form that clients
 * expect.
 */
import { z } from 'zod'
import { type Route, route } from '../route.js'
import { hashedBody, knownBody, operationRoute, SELF } from './operation-route.js'

const VERSIONED = ['version', 'versionID', 'full', 'delete', 'insert', 'update', 'sortVersion'] as const

/** Paths whose answer is an empty list; the name of the list, and whether a total stands beside it. */
const EMPTY: readonly (readonly [path: string, list: string, hasTotal: boolean])[] = [
  ['/group/get_joined_group_list', 'groups', true],
  ['/group/get_groups_info', 'groupInfos', false],
  ['/group/get_group_members_info', 'members', false],
  ['/group/get_recv_group_applicationList', 'groupRequests', true],
  ['/group/get_user_req_group_applicationList', 'groupRequests', true],
]

export function groupRoutes(): Route[] {
  return [
    operationRoute({
      path: '/group/get_incremental_join_groups',
      operation: 'incrementalGroups',
      may: 'token',
      mayNote: SELF,
      doc: "What changed in a user's list of groups since a version. There are no groups yet.",
      body: knownBody,
      answers: VERSIONED,
    }),
    operationRoute({
      path: '/group/get_full_join_group_ids',
      operation: 'groupIds',
      may: 'token',
      mayNote: SELF,
      doc: 'The IDs of the list of groups.',
      body: hashedBody,
      answers: ['version', 'versionID', 'equal', 'groupIDs'],
    }),
    route({
      path: '/group/get_incremental_group_members_batch',
      may: 'token',
      doc: 'What changed in lists of members. There are no groups yet.',
      body: z.object({}),
      answers: ['respList'],
      isAct: false,
      handle: async () => ({ respList: {} }),
    }),
    ...EMPTY.map(([path, list, hasTotal]) =>
      route({
        path,
        may: 'token',
        doc: 'An empty list: there is nothing yet.',
        body: z.object({}),
        answers: hasTotal ? [list, 'total'] : [list],
        isAct: false,
        handle: async () => (hasTotal ? { [list]: [], total: 0 } : { [list]: [] }),
      }),
    ),
  ]
}
