/** Connections over REST, in the whole cluster, for administrators. */
import { z } from 'zod'
import { CONNECTION_ID_CHARACTERS_MAX } from '../../../rules/logins/connection-id.js'
import type { LoginInfo } from '../../../rules/logins/eviction.js'
import { compareText } from '../../../rules/logins/token-order.js'
import type { PlatformTable } from '../../../rules/platforms.js'
import { platformIdField, type Route, route, userIdField } from '../route.js'

export function connectionRoutes(platforms: PlatformTable): Route[] {
  return [
    route({
      path: '/connection/list',
      may: 'admin',
      doc:
        "A user's connections on every node: `connectionID`, `platformID`, `platform`, `nodeID`, `isBackground`. " +
        '`unansweredNodes` hold the user as well, and have not said with what.',
      body: z.object({ userID: userIdField }),
      answers: ['connections', 'unansweredNodes'],
      isAct: true,
      handle: async ({ connections }, { userID }) => {
        const { left, unanswered } = await connections.list(userID)
        return {
          connections: left.map((login) => connectionData(login, platforms)).sort(byPlace),
          unansweredNodes: unanswered,
        }
      },
    }),
    route({
      path: '/connection/kick',
      may: 'admin',
      doc:
        'Ends all connections of a user, or those of one platform, one token, or one of them; and the tokens. With ' +
        '90004 `unansweredNodes` have not confirmed: ask again.',
      body: selectionOf(platforms),
      answers: ['kicked'],
      isAct: true,
      handle: async ({ connections }, { userID, platformID, connectionID, token }) => ({
        kicked: await connections.kick({
          userId: userID,
          platformId: platformID,
          connectionId: connectionID,
          token,
        }),
      }),
    }),
  ]
}

function selectionOf(platforms: PlatformTable) {
  return z
    .object({
      userID: userIdField,
      platformID: platformIdField(platforms).optional(),
      connectionID: z.string().min(1).max(CONNECTION_ID_CHARACTERS_MAX).optional(),
      token: z.string().min(1).optional(),
    })
    .refine(
      ({ platformID, connectionID, token }) =>
        [platformID, connectionID, token].filter((selector) => selector !== undefined).length <= 1,
      'at most one of platformID, connectionID and token is allowed',
    )
}

type ConnectionData = ReturnType<typeof connectionData>

function connectionData(
  { connectionId, platformId, nodeId, background }: LoginInfo,
  platforms: PlatformTable,
) {
  return {
    connectionID: connectionId,
    platformID: platformId,
    platform: platforms.nameOf(platformId) ?? '',
    nodeID: nodeId,
    isBackground: background,
  }
}

function byPlace(a: ConnectionData, b: ConnectionData): number {
  return (
    a.platformID - b.platformID ||
    compareText(a.nodeID, b.nodeID) ||
    compareText(a.connectionID, b.connectionID)
  )
}
