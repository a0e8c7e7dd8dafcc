/**
 * Connections over REST, in the whole cluster, for administrators.
 *
 *   POST /connection/list   a user -> his connections
 *   POST /connection/kick   a user, and at most one of platform, connection and token -> how many were ended
 */
import { Hono } from 'hono'
import { z } from 'zod'
import type { LoginInfo } from '../presence/eviction.js'
import type { PlatformTable } from '../presence/platforms.js'
import { compareText } from '../presence/token-order.js'
import { type ClusterDeps, endConnections, type KickOrder, listConnections } from './every-node.js'
import {
  answer,
  type Door,
  platformIdField,
  readBody,
  refusedBy,
  requireAdmin,
  userIdField,
} from './requests.js'

export interface ConnectionDeps extends Door, ClusterDeps {
  platforms: PlatformTable
}

export function connectionRoutes(deps: ConnectionDeps): Hono {
  const selection = selectionOf(deps.platforms)
  const app = new Hono()
  app.post('/list', async (c) => {
    await requireAdmin(deps, c)
    const { userID } = await readBody(c, z.object({ userID: userIdField }))
    const logins = await listConnections(deps, c.req.path, userID)
    return answer(c, {
      connections: logins.map((login) => connectionData(login, deps.platforms)).sort(byPlace),
    })
  })
  app.post('/kick', async (c) => {
    await requireAdmin(deps, c)
    const chosen = await readBody(c, selection)
    const { userID, token } = chosen
    const fault = token === undefined ? undefined : await deps.tokens.faultOf(userID, token)
    if (fault !== undefined) throw refusedBy(fault)
    const kicked = await endConnections(deps, c.req.path, orderOf(deps, chosen), flagging(deps, chosen))
    return answer(c, { kicked })
  })
  return app
}

type Selection = z.infer<ReturnType<typeof selectionOf>>

function selectionOf(platforms: PlatformTable) {
  return z
    .object({
      userID: userIdField,
      platformID: platformIdField(platforms).optional(),
      connectionID: z.string().min(1).optional(),
      token: z.string().min(1).optional(),
    })
    .refine(
      ({ platformID, connectionID, token }) =>
        [platformID, connectionID, token].filter((selector) => selector !== undefined).length <= 1,
      'at most one of platformID, connectionID and token is allowed',
    )
}

/** Whoever is ended must not come back with another token of those meant. A single connection flags its own. */
function flagging(
  { tokens }: Door,
  { userID, platformID, connectionID, token }: Selection,
): (() => Promise<void>) | undefined {
  if (connectionID !== undefined) return undefined
  if (token === undefined) return () => tokens.forceLogout(userID, platformID)
  return () => tokens.kickTokenOf(userID, token)
}

function orderOf({ tokens }: Door, { userID, platformID, connectionID, token }: Selection): KickOrder {
  const order: KickOrder = { userId: userID }
  if (platformID !== undefined) order.platformIds = [platformID]
  if (connectionID !== undefined) order.connectionId = connectionID
  if (token !== undefined) order.token = tokens.digestOf(token)
  return order
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
