/** What a benchmark puts on record itself, and reads there: through a gateway it would take most of the time. */
import { holderOf } from '../../src/rules/cluster/holder.js'
import '../../test/support/entry.js'
import type { Redis } from 'ioredis'
import { loadTokenKeys } from '../../src/auth/keys.js'
import { issueToken } from '../../src/auth/tokens.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { nextPlace } from '../../src/rules/logins/token-order.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { openTokenFile } from '../../src/store/memory/token-file.js'
import { plainKeys } from '../../src/store/redis/keys.js'
import { GATEWAY_SECRET } from './gateway.js'

const SECONDS_A_DAY = 86_400
const KEYS_A_CALL = 1_000
/** What a user's own keys have in common. */
const ONLINE = 'ONLINE:'

/** Who logs in with what. */
export interface IssuedToken {
  userId: UserId
  platformId: PlatformId
  token: string
}

/** One for each user, for a day, signed as the gateways of this run sign theirs. They are on record nowhere. */
export async function makeTokens(userIds: readonly UserId[], platformId: PlatformId): Promise<IssuedToken[]> {
  const keys = await loadTokenKeys({
    algorithm: 'HS256',
    secret: GATEWAY_SECRET,
    publicKeysPath: '',
    privateKeyPath: '',
    nowMs: Date.now,
    report: console.error,
  })
  const nowMs = Date.now()
  const place = nextPlace([], nowMs, '00000000')
  const options = { keys, ttlS: SECONDS_A_DAY, nowMs }
  const issued: IssuedToken[] = []
  for (const userId of userIds) {
    issued.push({ userId, platformId, token: await issueToken({ userId, platformId, ...place }, options) })
  }
  return issued
}

/** From now on every gateway on this Redis takes them. */
export async function recordTokens(client: Redis, issued: readonly IssuedToken[]): Promise<void> {
  const platforms = new PlatformTable(OPENIM_PLATFORMS)
  const pipeline = client.pipeline()
  for (const { userId, platformId, token } of issued) {
    const key = plainKeys.tokens(userId, platforms.nameOf(platformId)!)
    pipeline.hset(key, token, '0')
    pipeline.expire(key, SECONDS_A_DAY)
  }
  await pipeline.exec()
}

/** The gateway that starts with its embedded store in this directory takes them. */
export async function recordTokensInFile(dataDir: string, issued: readonly IssuedToken[]): Promise<void> {
  const file = openTokenFile(dataDir)
  const endsS = Math.floor(Date.now() / 1_000) + SECONDS_A_DAY
  await Promise.all(
    issued.map(({ userId, platformId, token }) =>
      file.put(`${userId}:${platformId}`, {
        v: 1,
        endsS,
        tokens: [[token, 'normal']],
        kicks: [],
        refreshes: [],
      }),
    ),
  )
  await file.close()
}

/** How many of them are online by what Redis says. */
export async function countOnline(client: Redis, userIds: readonly string[]): Promise<number> {
  let count = 0
  for (const keys of keysInCalls(userIds.map((userId) => plainKeys.online(userId))))
    count += await client.exists(...keys)
  return count
}

/** How many are online by what these masters have, whoever they are. Reads all their keys: not while it is timed. */
export async function countAllOnline(masters: readonly Redis[]): Promise<number> {
  const found = await Promise.all(masters.map((master) => master.keys(`${ONLINE}*`)))
  return found.reduce((sum, keys) => sum + keys.length, 0)
}

/** Every record of presence, and nothing that nodes need to live. */
export async function forgetEverybody(masters: readonly Redis[]): Promise<void> {
  for (const master of masters) {
    const records = await master.keys(`*${ONLINE}*`)
    for (const keys of keysInCalls(records)) {
      const pipeline = master.pipeline()
      // One by one: on a Cluster they are in slots of their own.
      for (const key of keys) pipeline.unlink(key)
      await pipeline.exec()
    }
  }
}

/** How many of them Redis has from this life of a node: a node that starts anew must say again who is there. */
export async function countHeld(
  client: Redis,
  nodeId: string,
  accounts: readonly IssuedToken[],
): Promise<number> {
  const [epoch] = ((await client.get(plainKeys.epoch(nodeId))) ?? '').split(':')
  const holder = holderOf(nodeId, epoch!)
  const pipeline = client.pipeline()
  for (const { userId, platformId } of accounts)
    pipeline.zscore(plainKeys.claims(userId), `${platformId}@${holder}`)
  const scores = (await pipeline.exec())!
  return scores.filter(([, score]) => score !== null).length
}

/** So many keys that no call is too long. */
function* keysInCalls(keys: string[]): Iterable<string[]> {
  for (let at = 0; at < keys.length; at += KEYS_A_CALL) yield keys.slice(at, at + KEYS_A_CALL)
}
