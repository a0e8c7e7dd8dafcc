/** A REST room whose neighbours are fakes. */
import type { KickOrder } from '../../src/api/every-node.js'
import { createRest, type RestDeps } from '../../src/api/rest.js'
import type { TokenServiceDeps, TokenSettings } from '../../src/auth/token-service.js'
import { FakeTokenStore, fakeService, isAdmin, platforms } from '../auth/token-fakes.js'

export const SECRET = 'Gq4zW9mT1xJ7vB2nK5pL'

export interface Answer {
  errCode: number
  errMsg: string
  errDlt: string
  data?: Record<string, unknown>
}

/** Stand-ins for single neighbours of the room or of its token service, and settings of the latter. */
export interface Plan {
  rest?: Partial<RestDeps>
  tokens?: Partial<TokenServiceDeps>
  settings?: Partial<TokenSettings>
  store?: FakeTokenStore
}

export function room({ rest = {}, tokens = {}, settings = {}, store = new FakeTokenStore() }: Plan = {}) {
  const reported: unknown[] = []
  const kicked: KickOrder[] = []
  const app = createRest({
    secret: SECRET,
    isAdmin,
    platforms,
    tokens: fakeService(store, settings, tokens),
    kick: async (order) => {
      kicked.push(order)
      return { gone: 1, left: [] }
    },
    list: async () => [],
    whereabouts: async () => [],
    readiness: async () => ({ ready: true, parts: [{ name: 'store', ready: true }] }),
    liveness: async () => ({ alive: true }),
    report: (error) => reported.push(error),
    ...rest,
  })
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await app.request(path, {
      method: 'POST',
      headers: { operationID: 'op1', 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
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
  return { app, post, command, tokenOf, adminToken, userToken, store, reported, kicked }
}
