/**
 * Tokens in Redis: OpenIM's hash of each user and platform as it is, and beside it, in the same slot, who kicked a
 * token, who vouched for it, and which nodes rely on it (include/token-side.lua).
 */

import { Cluster } from 'ioredis'
import type { Note } from '../../protocol/node/notes.js'
import { holderOf } from '../../rules/cluster/holder.js'
import { ADMIN_KICK } from '../../rules/logins/eviction.js'
import { type TokenDigest, tokenDigest } from '../../rules/logins/token-digest.js'
import type { Holder, LoginNumber, PlatformId, TokenRecord, TokenState, UserId } from '../../rules/types.js'
import type { TokenRecords } from '../ports/token-records.js'
import { lifeOf } from '../shared/token-lives.js'
import type { RedisNodeBus } from './node-bus.js'
import * as scripts from './scripts/scripts.js'
import { rejectUnavailable } from './server/connection.js'
import { dispatch, type Reply } from './server/dispatch.js'
import { TurnBatch } from './server/turn-batch.js'
import type { StoreContext } from './store-context.js'
import { TokenCalls } from './token-calls.js'

const TOKEN_STATES: Record<string, TokenState> = {
  '0': 'normal',
  '1': 'invalid',
  '2': 'kicked',
  '3': 'expired',
}

const NOT_ON_RECORD = -1
/** Tokens in one call: Redis serves no other client meanwhile. */
const CHECKS_MAX = 100

type TokenCheck = scripts.TokenOwner & { token: string }

/** What a kick did. */
interface Kicked {
  /** Without those that a later login has vouched for. */
  tokens: TokenDigest[]
  /** Nodes that have to hear of it. */
  relying: Holder[]
}

/** Every call fails with STORE_UNAVAILABLE when Redis does not do it, with DAMAGED_RECORD when it cannot for this user. */
export class RedisTokenRecords implements TokenRecords {
  readonly #context: StoreContext
  readonly #bus: RedisNodeBus
  readonly #calls: TokenCalls
  readonly #checks = new TurnBatch<TokenCheck, number>(CHECKS_MAX, (checks) => this.#check(checks))

  constructor(context: StoreContext, bus: RedisNodeBus) {
    this.#context = context
    this.#bus = bus
    this.#calls = new TokenCalls(context)
  }

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    const owner = this.#calls.ownerOf(userId, platformId)
    const state = await this.#checks.ask({ ...owner, token }).catch(this.#calls.failing(owner))
    return state === NOT_ON_RECORD ? 'unknown' : stateOf(String(state))
  }

  #check(checks: TokenCheck[]): Promise<Reply<number>[]> {
    const { client, keys, router, opened } = this.#context
    const { holder } = opened()
    return dispatch<TokenCheck, number>(
      router,
      checks,
      ({ userId }) => userId,
      ({ userId, platformName }) => keys.tokens(userId, platformName),
      async (group) => {
        const call = scripts.runScript(client, scripts.checkTokens(keys, group, holder))
        return scripts.decodeReplies(await call.catch(rejectUnavailable))
      },
    )
  }

  async kickedBy(userId: UserId, platformId: PlatformId, token: string): Promise<LoginNumber> {
    const owner = this.#calls.ownerOf(userId, platformId)
    const by = String(await this.#calls.run(owner, scripts.readKick(this.#context.keys, owner, token)))
    return by === '' ? ADMIN_KICK : Number(by)
  }

  async tokensOf(userId: UserId): Promise<TokenRecord[]> {
    const platforms = this.#context.options.platforms.all()
    const hashes = await this.#hashes(platforms.map(({ name }) => this.#context.keys.tokens(userId, name)))
    return platforms.flatMap(({ id }, at) =>
      Object.entries(hashes[at]!).map(([token, state]) => ({ platformId: id, token, state: stateOf(state) })),
    )
  }

  async rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void> {
    const owner = this.#calls.ownerOf(userId, platformId)
    await this.#calls.run(owner, scripts.rememberToken(this.#context.keys, owner, token, lifeOf(ttlS)))
  }

  async kickTokens(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<void> {
    const session = this.#context.opened()
    const kicked = await this.#kick(userId, platformId, tokens, by, ttlS)
    if (kicked.tokens.length === 0) return
    const note: Note = { kind: 'withdraw', userId, platformId, tokens: kicked.tokens, by }
    for (const holder of kicked.relying) this.#bus.note(session, holder, note)
  }

  async #kick(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<Kicked> {
    if (tokens.length === 0) return { tokens: [], relying: [] }
    const owner = this.#calls.ownerOf(userId, platformId)
    const call = scripts.kickTokens(this.#context.keys, owner, tokens, by, lifeOf(ttlS))
    const [flagged, nodes] = (await this.#calls.run(owner, call)) as scripts.KickReply
    const relying: Holder[] = []
    for (let i = 0; i < nodes.length; i += 2) relying.push(holderOf(String(nodes[i]), String(nodes[i + 1])))
    return { tokens: flagged.map((index) => tokenDigest(tokens[index - 1]!)), relying }
  }

  async vouchForToken(
    userId: UserId,
    platformId: PlatformId,
    token: string,
    login: LoginNumber,
  ): Promise<void> {
    const owner = this.#calls.ownerOf(userId, platformId)
    await this.#calls.run(owner, scripts.vouchForToken(this.#context.keys, owner, token, login))
  }

  async forgetTokens(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void> {
    if (tokens.length === 0) return
    const owner = this.#calls.ownerOf(userId, platformId)
    const key = this.#context.keys.tokens(userId, owner.platformName)
    await this.#context.client.hdel(key, ...tokens).catch(this.#calls.failing(owner))
  }

  /** In a Cluster the keys have slots of their own, which one pipeline cannot mix. */
  async #hashes(keys: string[]): Promise<Record<string, string>[]> {
    const client = this.#context.client
    if (client instanceof Cluster) {
      return Promise.all(
        keys.map((key) => client.hgetall(key).catch(this.#context.damage.rejecting(() => [key]))),
      )
    }
    const pipeline = client.pipeline()
    for (const key of keys) pipeline.hgetall(key)
    const results = (await pipeline.exec().catch(rejectUnavailable)) ?? []
    return results.map(([error, hash], at) =>
      error ? this.#context.damage.rejecting(() => [keys[at]!])(error) : (hash as Record<string, string>),
    )
  }
}

/** A number that OpenIM does not have stands for no good state. */
function stateOf(number: string): TokenState {
  return TOKEN_STATES[number] ?? 'invalid'
}
