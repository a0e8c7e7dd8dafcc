/** Tokens put on record directly in Redis: to make them by REST would apply the rules of who may have several. */
import { randomBytes } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import { loadTokenKeys, type TokenKeys } from '../../src/auth/keys.js'
import { issueToken } from '../../src/auth/tokens.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { nextPlace } from '../../src/rules/logins/token-order.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { plainKeys } from '../../src/store/redis/keys.js'
import { SECRET } from './node.js'

const DAY_S = 86_400
const PLATFORMS = new PlatformTable(OPENIM_PLATFORMS)

let keys: Promise<TokenKeys> | undefined

/** A token that every test node takes for signed, different at each call. On no record. */
export async function signToken(userId: UserId, platformId: PlatformId): Promise<string> {
  keys ??= loadTokenKeys({
    algorithm: 'HS256',
    secret: SECRET,
    publicKeysPath: '',
    privateKeyPath: '',
    nowMs: Date.now,
    report: console.error,
  })
  const place = nextPlace([], Date.now(), randomBytes(4).toString('hex'))
  return issueToken({ userId, platformId, ...place }, { keys: await keys, ttlS: DAY_S, nowMs: Date.now() })
}

/** A new good token on record. */
export async function recordToken(
  redis: Redis | Cluster,
  userId: UserId,
  platformId: PlatformId,
): Promise<string> {
  const token = await signToken(userId, platformId)
  await redis.hset(recordKey(userId, platformId), token, '0')
  return token
}

/** Where OpenIM keeps the states of a user's tokens of one platform. */
export function recordKey(userId: UserId, platformId: PlatformId): string {
  return plainKeys.tokens(userId, PLATFORMS.nameOf(platformId)!)
}

/** `0` good, `2` kicked; null = not on record. */
export function recordedState(
  redis: Redis | Cluster,
  { userId, platformId, token }: { userId: UserId; platformId: PlatformId; token: string },
): Promise<string | null> {
  return redis.hget(recordKey(userId, platformId), token)
}

/** Nodes that claim to hold the user, sorted. */
export async function claimants(redis: Redis | Cluster, userId: UserId): Promise<string[]> {
  const members = await redis.zrange(plainKeys.claims(userId), '0', '-1')
  const nodes = members.flatMap((member) => /@(.+)#\d+$/.exec(member)?.[1] ?? [])
  return [...new Set(nodes)].sort()
}
