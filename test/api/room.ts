/** A REST room whose neighbours are fakes. */

import type { AuditLine } from '../../src/doors/rest/audit.js'
import { createRest, type RestDeps } from '../../src/doors/rest/rest.js'
import { originCheck } from '../../src/net/origin.js'
import type { KickOrder } from '../../src/rules/shard/admin-kicks.js'
import { ConnectionService, type KickResult } from '../../src/services/connections.js'
import { Operations } from '../../src/services/operations/client.js'
import { RateTable } from '../../src/services/rate-table.js'
import { SecretGuard } from '../../src/services/secret-guard.js'
import { type StatusDeps, StatusService } from '../../src/services/statuses.js'
import type { TokenServiceDeps, TokenSettings } from '../../src/services/token-service.js'
import { FakeTokenStore, fakeService, isAdmin, platforms } from '../auth/token-fakes.js'

export const SECRET = 'Gq4zW9mT1xJ7vB2nK5pL'

export interface Answer {
  errCode: number
  errMsg: string
  errDlt: string
  data?: Record<string, unknown>
}

/** What the services of the room ask of the rest of the node. */
interface Neighbours extends Pick<StatusDeps, 'mayWatch' | 'whereabouts'> {
  kick(order: KickOrder): Promise<KickResult>
  /** A kick that means nobody. */
  list(userId: string): Promise<Omit<KickResult, 'gone'>>
  rates: { callsOfAddress: RateTable; statusesOfUser: RateTable }
}

/** Stand-ins for single neighbours of the room or of its token service, and settings of the latter. */
export interface Plan {
  rest?: Partial<RestDeps & Neighbours>
  tokens?: Partial<TokenServiceDeps>
  settings?: Partial<TokenSettings>
  store?: FakeTokenStore
}

export function room({ rest = {}, tokens = {}, settings = {}, store = new FakeTokenStore() }: Plan = {}) {
  const reported: unknown[] = []
  const kicked: KickOrder[] = []
  const audited: (AuditLine & { kind: 'act' | 'refused' })[] = []
  const served: [path: string, errCode: number][] = []
  const manyASecond = () => new RateTable({ count: 1_000_000, periodMs: 1_000, salt: 'salt' })
  const tokenService = fakeService(store, settings, tokens)
  const neighbours: Neighbours = {
    kick: async (order) => {
      kicked.push(order)
      return { gone: 1, left: [], unanswered: [] }
    },
    list: async () => ({ left: [], unanswered: [] }),
    mayWatch: () => true,
    whereabouts: async () => [],
    rates: { callsOfAddress: manyASecond(), statusesOfUser: manyASecond() },
    ...rest,
  }
  const { callsOfAddress, statusesOfUser } = neighbours.rates
  const nowMs = rest.nowMs ?? (() => 0)
  const cluster = {
    kick: async (order: KickOrder) =>
      order.platformIds?.length === 0
        ? { gone: 0, ...(await neighbours.list(order.userId)) }
        : neighbours.kick(order),
  }
  const app = createRest({
    isOriginAllowed: originCheck(['https://a']),
    secrets: new SecretGuard(SECRET, 'salt'),
    isAdmin,
    platforms,
    tokens: tokenService,
    operations: new Operations(undefined),
    connections: new ConnectionService(cluster, tokenService),
    statuses: new StatusService({ ...neighbours, rate: statusesOfUser, nowMs }),
    readiness: async () => ({ ready: true, parts: [{ name: 'store', ready: true }] }),
    liveness: async () => ({ alive: true }),
    report: (error) => reported.push(error),
    audit: {
      act: (line) => audited.push({ kind: 'act', ...line }),
      refused: (line) => audited.push({ kind: 'refused', ...line }),
    },
    callsOfAddress,
    limitKeyOf: (address) => address,
    nowMs,
    served: (path, errCode) => served.push([path, errCode]),
    ...rest,
  })
  const post = async (
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
    address = '192.0.2.1',
  ) => {
    const init = {
      method: 'POST',
      headers: { operationID: 'op1', 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }
    const response = await app.request(path, init, { callerAddress: () => address })
    return { status: response.status, headers: response.headers, answer: (await response.json()) as Answer }
  }
  const tokenOf = async (path: string, body: unknown, headers?: Record<string, string>) =>
    String((await post(path, body, headers)).answer.data?.token)
  const adminToken = () => tokenOf('/auth/get_admin_token', { secret: SECRET, userID: 'imAdmin' })
  const userToken = async (userID: string, platformID: number) =>
    tokenOf('/auth/get_user_token', { userID, platformID }, { token: await adminToken() })
  /** Call as an administrator. */
  const command = async (path: string, body: unknown) =>
    (await post(path, body, { token: await adminToken() })).answer
  return { app, post, command, tokenOf, adminToken, userToken, store, reported, kicked, audited, served }
}
