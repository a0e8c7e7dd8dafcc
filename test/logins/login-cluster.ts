/** A cluster with a login policy: tokens on record, logins, kicks by hand. Its actors are real, as in every virtual world. */

import { tokenStore } from '../../src/node/token-store.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as TokenSync from '../../src/protocol/token-sync.js'
import { LoginPolicy, type Policy } from '../../src/rules/logins/login-policy.js'
import { nextPlace } from '../../src/rules/logins/token-order.js'
import type { PlatformId, TokenState, UserId } from '../../src/rules/types.js'
import type { AnswerOf, QuestionOf } from '../../src/runtime/index.js'
import { TokenService } from '../../src/services/token-service.js'
import type { VirtualClient } from '../world/client.js'
import { APART, PLATFORMS, TOGETHER, VirtualCluster } from '../world/cluster.js'
import { readToken } from '../world/tokens.js'

export const GRACE_MS = 300
const TOKEN_TTL_S = 3_600
export const SETTINGS = {
  batchSize: 10,
  mergeIntervalMs: 100,
  presenceTtlS: 1_800,
  watchTtlS: 1_800,
  offlineGraceMs: GRACE_MS,
  nodeLeaseMs: 30_000,
  authWhenStoreDown: 'deny',
  needsRecord: () => true,
} as const

export interface LoginOptions {
  seed: number
  nodes: number
  policy: Policy
  /** Shards have a thread of their own; the default. Else they live with the sockets. */
  isShardApart?: boolean
  /** Who yields in a conflict: the newcomer, else the old one. */
  refusesNew?: boolean
  perUserMax?: number
  perPlatformMax?: number
  /** The slowest frame between threads, store answer and note, ms. 0 = everything at once. */
  delayMaxMs: number
}

/** Which logins a login removes, and whether it has to fit in first. */
function rulesOf({ policy, refusesNew = false, perUserMax = 0, perPlatformMax = 0 }: LoginOptions) {
  const rivals = new LoginPolicy(policy, PLATFORMS)
  const isSeated = (refusesNew && policy !== 0) || perUserMax > 0 || perPlatformMax > 0
  return {
    policy: refusesNew ? new LoginPolicy(0, PLATFORMS) : rivals,
    seating: isSeated ? { rivals, rivalsYield: !refusesNew, perUserMax, perPlatformMax } : undefined,
  }
}

export class LoginCluster extends VirtualCluster {
  readonly clients: VirtualClient[] = []
  #tokens = 0

  constructor(readonly options: LoginOptions) {
    const { seed, nodes, delayMaxMs, isShardApart = true } = options
    super({
      seed,
      layout: isShardApart ? APART : TOGETHER,
      settings: SETTINGS,
      delayMaxMs,
      ...rulesOf(options),
    })
    for (let n = 0; n < nodes; n++) this.addNode()
  }

  /** A token's text; nobody knows of it yet. Later ones are newer. */
  newToken(userId: UserId, platformId: PlatformId, ttlS = TOKEN_TTL_S): string {
    const place = nextPlace([], this.wallMs, String(++this.#tokens).padStart(8, '0'), 'login')
    return this.spell({ userId, platformId, ...place }, ttlS)
  }

  /** A token that is on record, by no rules. */
  async grant(userId: UserId, platformId: PlatformId): Promise<string> {
    const token = this.newToken(userId, platformId)
    await this.ask(0, { kind: 'rememberToken', userId, platformId, token, ttlS: TOKEN_TTL_S })
    return token
  }

  login(node: number, userId: UserId, platformId: PlatformId, token: string): VirtualClient {
    const client = this.connect({ node }, userId, platformId, token)
    this.clients.push(client)
    return client
  }

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    const records = await this.ask(0, { kind: 'tokensOf', userId })
    return records.find((one) => one.platformId === platformId && one.token === token)?.state ?? 'unknown'
  }

  /** The token service of one node's api thread. */
  service(node: number): TokenService {
    const { policy, refusesNew = false } = this.options
    return new TokenService({
      store: tokenStore(this.nodes[node]!.api, this.nodes[node]!.addresses),
      settings: {
        tokenExpireDays: 90,
        accessTokenExpireMin: 60,
        refreshTokenExpireDays: 0,
        maxTokensPerPlatform: 30,
        loginPolicy: policy,
        refuseNew: refusesNew,
        adminTokenExpireMin: 60,
        authWhenStoreDown: 'deny',
      },
      platforms: PLATFORMS,
      isAdmin: () => false,
      needsRecord: () => true,
      issue: async (token, ttlS) => this.spell(token, ttlS),
      canonical: (token) => token,
      verify: async (token) => readToken(token, this.wallMs),
      nowMs: () => this.wallMs,
    })
  }

  /** Kick by hand through one node, as its REST does. */
  kick(node: number, eviction: PresenceShard.KickByAdmin['eviction']): Promise<PresenceShard.KickOutcome> {
    const { api, addresses } = this.nodes[node]!
    const question = { kind: 'kick' as const, eviction, timeoutMs: 5_000 }
    return this.until(api.ask(addresses.shardFor(eviction.userId), question, 6_000))
  }

  /** A question to one node's token-sync, as its api thread would ask it. */
  ask<K extends TokenSync.Command['kind']>(
    node: number,
    question: QuestionOf<TokenSync.Command, K>,
  ): Promise<AnswerOf<Extract<TokenSync.Command, { kind: K }>>> {
    const { api, addresses } = this.nodes[node]!
    return this.until(api.ask(addresses.tokenSync, question, 10_000))
  }

  /** The node's process dies and starts again; its clients' sockets break. */
  restart(node: number): void {
    this.nodes[node]!.kill()
    for (const client of this.clients) if (client.node === node) client.close(false)
    this.nodes[node]!.start()
  }

  /** Clients of a user whose sockets are open at both ends. */
  inside(userId: UserId): VirtualClient[] {
    return this.clients.filter((client) => client.userId === userId && client.state === 'in')
  }
}
