// What a presence application keeps in Redis: for each user a sorted set of their connections by the end of their claim.
import { Redis } from 'ioredis'

/** As long as Porchlight's records live, seconds. */
const TTL_S = 1_800
const RENEW_EVERY_MS = (TTL_S / 3) * 1_000

const keyOf = (userId) => `presence:${userId}`
const nowS = () => Math.floor(Date.now() / 1_000)

export class Claims {
  /** Connection → user, of this node. */
  #own = new Map()

  constructor(url) {
    this.redis = new Redis(url)
    setInterval(() => this.#renew(), RENEW_EVERY_MS).unref()
  }

  /** Resolves to whether the user was offline before. */
  async add(userId, connectionId) {
    this.#own.set(connectionId, userId)
    const key = keyOf(userId)
    const answers = await this.redis
      .multi()
      .zremrangebyscore(key, '-inf', nowS())
      .zadd(key, nowS() + TTL_S, connectionId)
      .expire(key, TTL_S)
      .zcard(key)
      .exec()
    return answers.at(-1)[1] === 1
  }

  /** Resolves to whether the user is offline now. */
  async remove(userId, connectionId) {
    this.#own.delete(connectionId)
    const key = keyOf(userId)
    const answers = await this.redis
      .multi()
      .zrem(key, connectionId)
      .zremrangebyscore(key, '-inf', nowS())
      .zcard(key)
      .exec()
    return answers.at(-1)[1] === 0
  }

  /** Those of the users who are online. */
  async onlineOf(userIds) {
    const pipeline = this.redis.pipeline()
    for (const userId of userIds) pipeline.zcount(keyOf(userId), nowS(), '+inf')
    const answers = await pipeline.exec()
    return userIds.filter((_, n) => answers[n][1] > 0)
  }

  #renew() {
    const pipeline = this.redis.pipeline()
    for (const [connectionId, userId] of this.#own) {
      pipeline.zadd(keyOf(userId), nowS() + TTL_S, connectionId)
      pipeline.expire(keyOf(userId), TTL_S)
    }
    void pipeline.exec()
  }
}
