/** Refresh tokens in Redis: digests and their expiry, in the slot of the tokens that they renew. */
import type { TokenDigest } from '../../rules/logins/token-digest.js'
import type { PlatformId, UserId } from '../../rules/types.js'
import type { RefreshTokenRecords } from '../ports/refresh-token-records.js'
import { lifeOf } from '../shared/token-lives.js'
import * as scripts from './scripts/scripts.js'
import { rejectUnavailable } from './server/connection.js'
import type { StoreContext } from './store-context.js'
import { TokenCalls } from './token-calls.js'

export class RedisRefreshTokenRecords implements RefreshTokenRecords {
  readonly #context: StoreContext
  readonly #calls: TokenCalls

  constructor(context: StoreContext) {
    this.#context = context
    this.#calls = new TokenCalls(context)
  }

  async rememberRefresh(
    userId: UserId,
    platformId: PlatformId,
    refresh: TokenDigest,
    ttlS: number,
  ): Promise<void> {
    const owner = this.#calls.ownerOf(userId, platformId)
    await this.#calls.run(owner, scripts.rememberRefresh(this.#context.keys, owner, refresh, lifeOf(ttlS)))
  }

  async takeRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest): Promise<boolean> {
    const owner = this.#calls.ownerOf(userId, platformId)
    return (await this.#calls.run(owner, scripts.takeRefresh(this.#context.keys, owner, refresh))) === 1
  }

  async forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void> {
    const key = this.#context.keys.refresh(userId, this.#calls.ownerOf(userId, platformId).platformName)
    await this.#context.client.del(key).catch(rejectUnavailable)
  }
}
