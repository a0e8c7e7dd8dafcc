/**
 * Tokens in Redis: OpenIM's hash of each user and platform as it is, and beside it, in the same slot, who kicked a
 * token, who vouched for it, which nodes rely on it (include/token-side.lua), and the refresh tokens.
 */
import { Cluster, type Redis } from 'ioredis'
import { ADMIN_KICK } from '../../rules/logins/eviction.js'
import { type TokenDigest, tokenDigest } from '../../rules/logins/token-digest.js'
import type { PlatformTable } from '../../rules/platforms.js'
import type { Holder, LoginNumber, PlatformId, UserId } from '../../rules/types.js'
import type { TokenRecord, TokenState } from '../ports/presence-store.js'
import { holderOf } from '../shared/names.js'
import { lifeOf } from '../shared/token-lives.js'
import type { DamageLog } from './damage.js'
import type { Keys } from './keys.js'
import * as scripts from './scripts/scripts.js'
import { rejectUnavailable } from './server/connection.js'
import { dispatch, type Reply } from './server/dispatch.js'
import type { Router } from './server/routing.js'
import { TurnBatch } from './server/turn-batch.js'

const TOKEN_STATES: Record<string, TokenState> = {
  '0': 'normal',
  '1': 'invalid',
  '2': 'kicked',
  '3': 'expired',
}

const NOT_ON_RECORD = -1
/** Tokens a call: Redis serves nobody else meanwhile. */
const CHECKS_MAX = 100

type TokenCheck = scripts.TokenOwner & { token: string }

/** What a kick did. */
interface Kicked {
  /** Without those that a later login has vouched for. */
  tokens: TokenDigest[]
  /** Who has to hear of it. */
  relying: Holder[]
}

/** Every call fails with STORE_UNAVAILABLE when Redis does not do it, with DAMAGED_RECORD when it cannot for this user. */
export class TokenRecords {
  readonly #client: Redis | Cluster
  readonly #router: Router
  readonly #keys: Keys
  readonly #platforms: PlatformTable
  readonly #damage: DamageLog
  readonly #holder: () => Holder
  readonly #checks = new TurnBatch<TokenCheck, number>(CHECKS_MAX, (checks) => this.#check(checks))

  /** `holder`: the node's name of now; it may throw. */
  constructor(
    client: Redis | Cluster,
    router: Router,
    keys: Keys,
    platforms: PlatformTable,
    damage: DamageLog,
    holder: () => Holder,
  ) {
    this.#client = client
    this.#router = router
    this.#keys = keys
    this.#platforms = platforms
    this.#damage = damage
    this.#holder = holder
  }

  /** And this node relies on it from now on. */
  async state(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    const owner = this.#owner(userId, platformId)
    const state = await this.#checks.ask({ ...owner, token }).catch(this.#failing(owner))
    return state === NOT_ON_RECORD ? 'unknown' : stateOf(String(state))
  }

  #check(checks: TokenCheck[]): Promise<Reply<number>[]> {
    const holder = this.#holder()
    return dispatch<TokenCheck, number>(
      this.#router,
      checks,
      ({ userId }) => userId,
      ({ userId, platformName }) => this.#keys.tokens(userId, platformName),
      async (group) => {
        const call = scripts.runScript(this.#client, scripts.checkTokens(this.#keys, group, holder))
        return scripts.decodeReplies(await call.catch(rejectUnavailable))
      },
    )
  }

  async kickedBy(userId: UserId, platformId: PlatformId, token: string): Promise<LoginNumber> {
    const owner = this.#owner(userId, platformId)
    const key = this.#keys.tokenSide(userId, owner.platformName)
    const kick = await this.#client.hget(key, `k:${tokenDigest(token)}`).catch(this.#failing(owner))
    // number:expiry:state before
    return kick === null ? ADMIN_KICK : Number(kick.split(':')[0])
  }

  async all(userId: UserId): Promise<TokenRecord[]> {
    const platforms = this.#platforms.all()
    const hashes = await this.#hashes(platforms.map(({ name }) => this.#keys.tokens(userId, name)))
    return platforms.flatMap(({ id }, at) =>
      Object.entries(hashes[at]!).map(([token, state]) => ({ platformId: id, token, state: stateOf(state) })),
    )
  }

  async remember(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void> {
    const owner = this.#owner(userId, platformId)
    await this.#run(owner, scripts.rememberToken(this.#keys, owner, token, lifeOf(ttlS)))
  }

  async kick(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<Kicked> {
    if (tokens.length === 0) return { tokens: [], relying: [] }
    const owner = this.#owner(userId, platformId)
    const call = scripts.kickTokens(this.#keys, owner, tokens, by, lifeOf(ttlS))
    const [flagged, nodes] = (await this.#run(owner, call)) as scripts.KickReply
    const relying: Holder[] = []
    for (let i = 0; i < nodes.length; i += 2) relying.push(holderOf(String(nodes[i]), String(nodes[i + 1])))
    return { tokens: flagged.map((index) => tokenDigest(tokens[index - 1]!)), relying }
  }

  async vouch(userId: UserId, platformId: PlatformId, token: string, login: LoginNumber): Promise<void> {
    const owner = this.#owner(userId, platformId)
    await this.#run(owner, scripts.vouchForToken(this.#keys, owner, token, login))
  }

  async forget(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void> {
    if (tokens.length === 0) return
    const owner = this.#owner(userId, platformId)
    const key = this.#keys.tokens(userId, owner.platformName)
    await this.#client.hdel(key, ...tokens).catch(this.#failing(owner))
  }

  async rememberRefresh(
    userId: UserId,
    platformId: PlatformId,
    refresh: TokenDigest,
    ttlS: number,
  ): Promise<void> {
    const owner = this.#owner(userId, platformId)
    await this.#run(owner, scripts.rememberRefresh(this.#keys, owner, refresh, lifeOf(ttlS)))
  }

  async takeRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest): Promise<boolean> {
    const owner = this.#owner(userId, platformId)
    return (await this.#run(owner, scripts.takeRefresh(this.#keys, owner, refresh))) === 1
  }

  async forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void> {
    const key = this.#keys.refresh(userId, this.#owner(userId, platformId).platformName)
    await this.#client.del(key).catch(rejectUnavailable)
  }

  #owner(userId: UserId, platformId: PlatformId): scripts.TokenOwner {
    const platformName = this.#platforms.nameOf(platformId)
    if (platformName === undefined) throw new Error(`Platform ${platformId} is unknown.`)
    return { userId, platformName }
  }

  #run(owner: scripts.TokenOwner, call: scripts.ScriptCall): Promise<unknown> {
    return scripts.runScript(this.#client, call).catch(this.#failing(owner))
  }

  #failing({ userId, platformName }: scripts.TokenOwner): (error: unknown) => never {
    return this.#damage.rejecting(() => [
      this.#keys.tokens(userId, platformName),
      this.#keys.tokenSide(userId, platformName),
      this.#keys.refresh(userId, platformName),
    ])
  }

  /** In a Cluster the keys have slots of their own, which one pipeline cannot mix. */
  async #hashes(keys: string[]): Promise<Record<string, string>[]> {
    const client = this.#client
    if (client instanceof Cluster) {
      return Promise.all(keys.map((key) => client.hgetall(key).catch(this.#damage.rejecting(() => [key]))))
    }
    const pipeline = client.pipeline()
    for (const key of keys) pipeline.hgetall(key)
    const results = (await pipeline.exec().catch(rejectUnavailable)) ?? []
    return results.map(([error, hash], at) =>
      error ? this.#damage.rejecting(() => [keys[at]!])(error) : (hash as Record<string, string>),
    )
  }
}

/** A number that OpenIM does not have stands for no good state. */
function stateOf(number: string): TokenState {
  return TOKEN_STATES[number] ?? 'invalid'
}
