/** Whole nodes on a Redis as operators have it, told of it by their settings alone. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { Keys } from '../../src/store/redis/keys.js'
import { aclRules } from '../../src/store/redis/server/rights.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { startRedisCluster } from '../support/redis.js'
import { redisEnv } from '../support/redis-env.js'
import { startRedisSentinel } from '../support/redis-sentinel.js'

/** A fail-over of Sentinel takes some seconds, on a busy machine more. */
const FAIL_OVER_TRIES = 4

t.test('two nodes on a Cluster with TLS, client certificates, a user and a prefix', async (t) => {
  const prefix = 'staging:'
  const rules = aclRules({ keys: new Keys(prefix), db: 0, isCluster: true, openimCompat: false })
  const cluster = await startRedisCluster({ guard: { tls: 'mutual', rules } })
  t.teardown(() => cluster.stop())
  const env = { ...redisEnv(cluster.access), REDIS_PREFIX: prefix }
  const [a, b] = [await TestNode.start(t, env), await TestNode.start(t, env)]
  const watcher = await b.login('watcher', Platform.Web)
  await watcher.subscribe(['ann'])
  const ann = await a.login('ann', Platform.Android)
  await seesOn(watcher, 'ann', [Platform.Android])
  await ann.close()
  await seesOn(watcher, 'ann', [])
  const names = await Promise.all(cluster.masters.map((master) => master.client().keys('*')))
  t.ok(names.flat().length > 0)
  t.same(
    names.flat().filter((name) => !name.startsWith(prefix)),
    [],
  )
})

t.test('when the master behind Sentinel dies, presence that was told stays true', async (t) => {
  const sentinel = await startRedisSentinel()
  t.teardown(() => sentinel.stop())
  const env = redisEnv(sentinel.access)
  const [a, b] = [await TestNode.start(t, env), await TestNode.start(t, env)]
  const watcher = await b.login('watcher', Platform.Web)
  const users = ['ann', 'bob', 'cid']
  await watcher.subscribe(users)
  for (const user of users) await a.login(user, Platform.Android)
  for (const user of users) await seesOn(watcher, user, [Platform.Android])
  // Made while there is a store to write it to.
  await a.token('ann', Platform.IOS)

  await sentinel.master.kill()
  await eventually(async () => (await a.metric('porchlight_store_up')) === 0 || undefined)
  for (let tries = 1; ; tries++) {
    const isUp = eventually(async () => (await a.metric('porchlight_store_up')) === 1 || undefined)
    if (
      await isUp.then(
        () => true,
        () => tries === FAIL_OVER_TRIES,
      )
    )
      break
  }
  await eventually(() => a.login('ann', Platform.IOS).catch(() => undefined))
  await seesOn(watcher, 'ann', [Platform.IOS, Platform.Android])
  for (const user of users)
    t.notOk(toldOf(watcher, user).slice(1).includes(''), `${user} never seemed to leave`)
  // Who asks the store anew is told the same.
  // Each node finds the new master by itself.
  const late = await eventually(() => b.login('late', Platform.Web).catch(() => undefined))
  for (const { userID, onlinePlatformIDs } of await late.subscribe(users)) {
    t.same(
      [...onlinePlatformIDs].sort(),
      userID === 'ann' ? [Platform.IOS, Platform.Android] : [Platform.Android],
      userID,
    )
  }
})
