/** A store does all that it promises with the rights that docs/clustering.md lists, with a prefix, and no more. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Keys } from '../../src/store/redis/keys.js'
import { aclRules } from '../../src/store/redis/server/rights.js'
import { type RedisServer, startRedis, startRedisCluster, until } from '../support/redis.js'
import { PASSWORD, USER } from '../support/redis-guard.js'
import { backendOn, redisStore } from '../support/store-backends.js'
import { assertOne, conformance, Heard, holds } from './suite.js'

const PREFIX = 'staging:'
const single = { keys: new Keys(PREFIX, 3), db: 3, isCluster: false, openimCompat: false }
const inCluster = { keys: new Keys(PREFIX), db: 0, isCluster: true, openimCompat: false }

conformance('one Redis server with the least rights, a prefix and a database', async () => {
  const server = await startRedis([], { rules: aclRules(single) })
  const client = server.client()
  await client.select(3)
  const access = { ...server.access, url: `${server.access.url}/3` }
  return { ...backendOn(access, client, PREFIX), stop: () => server.stop() }
})

t.test('the documentation lists these rights', async (t) => {
  const page = readFileSync(new URL('../../../docs/clustering.md', import.meta.url), 'utf8').replace(
    /\s+/g,
    ' ',
  )
  const plain = { keys: new Keys(), db: 0, isCluster: false, openimCompat: false }
  t.ok(page.includes(aclRules(plain).join(' ')), 'the rule')
  const more = aclRules({ ...plain, isCluster: true }).filter((rule) => !aclRules(plain).includes(rule))
  for (const rule of [...more, '&online_change', '+select']) t.ok(page.includes(`\`${rule}\``), rule)
})

t.test('a right that is missing is named at the start', async (t) => {
  const all = aclRules(single)
  const missing: [string[], RegExp][] = [
    [all.filter((rule) => rule !== '+zcard'), /~staging:ONLINE:\* \+zcard/],
    [all.filter((rule) => rule !== '~staging:WATCH:*'), /~staging:WATCH:\* \+hgetall \+hset \+hdel \+expire/],
    [all.filter((rule) => rule !== '&staging:PORCHLIGHT:*'), /&staging:PORCHLIGHT:\* \+publish \+subscribe/],
    [all.filter((rule) => rule !== '+subscribe'), /&staging:PORCHLIGHT:\* \+subscribe/],
    [all.filter((rule) => rule !== '+evalsha'), /evalsha/],
    [all.filter((rule) => rule !== '+eval'), /\beval\b/],
    [all.filter((rule) => rule !== '+info'), /INFO/],
    [all.filter((rule) => rule !== '+select'), /Database 3 cannot be selected.*NOPERM/],
    [[...all, '-time', '-scan'], /\+time \+scan/],
  ]
  const server = await startRedis([], { rules: all })
  t.teardown(() => server.stop())
  const redis = server.client()
  for (const [rules, message] of missing) {
    await redis.call('ACL', 'SETUSER', USER, 'reset', 'on', `>${PASSWORD}`, ...rules)
    const store = redisStore({ nodeId: 'a', prefix: PREFIX, ...server.access, url: `${server.access.url}/3` })
    await t.rejects(store.open(new Heard()), { code: 'STORE_UNSUITABLE', message }, message.source)
  }
})

t.test('in a Cluster each master is asked for the rights', async (t) => {
  const rules = aclRules(inCluster)
  const cluster = await startRedisCluster({ guard: { rules } })
  t.teardown(() => cluster.stop())
  for (const access of [{ password: 'wrong' }, { username: '', password: '' }]) {
    const stranger = redisStore({ nodeId: 'a', ...cluster.access, ...access })
    await t.rejects(stranger.open(new Heard()), { code: 'STORE_UNSUITABLE', message: /WRONGPASS|NOAUTH/ })
  }
  await cluster.masters[2]!.client().call('ACL', 'SETUSER', USER, '-zcard')
  const store = redisStore({ nodeId: 'a', prefix: PREFIX, ...cluster.access })
  await t.rejects(store.open(new Heard()), { code: 'STORE_UNSUITABLE', message: /\+zcard/ })
})

async function openLogged(t: Test, server: RedisServer) {
  const lines: string[] = []
  const store = redisStore({
    nodeId: 'a',
    prefix: PREFIX,
    ...server.access,
    url: `${server.access.url}/3`,
    log: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
  })
  t.teardown(() => store.close(true))
  const heard = new Heard()
  await store.open(heard)
  return { store, heard, lines }
}

t.test('a right to the channel that is lost is said once, and deafness ends when it is back', async (t) => {
  const server = await startRedis([], { rules: aclRules(single) })
  t.teardown(() => server.stop())
  const { store, heard, lines } = await openLogged(t, server)
  const redis = server.client()
  // Redis ends connections that listen where their user may not any more.
  await redis.call('ACL', 'SETUSER', USER, 'resetchannels')
  await until('it is said', () => lines.some((line) => /cannot subscribe.*NOPERM.*channel/.test(line)))
  await assertOne(store, holds('user', [1]))
  await redis.call('ACL', 'SETUSER', USER, `&${PREFIX}PORCHLIGHT:*`)
  await until('it listens again', () => heard.misses.length)
  t.equal(lines.filter((line) => line.includes('cannot subscribe')).length, 1, lines.join('\n'))
})

t.test('a password that was changed is the reason that is told when it cannot listen any more', async (t) => {
  const server = await startRedis([], { rules: aclRules(single) })
  t.teardown(() => server.stop())
  const { store, heard, lines } = await openLogged(t, server)
  const redis = server.client()
  await redis.call('ACL', 'SETUSER', USER, 'resetpass', '>another')
  await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until('it is said', () => lines.some((line) => /cannot subscribe.*WRONGPASS/.test(line)))
  await assertOne(store, holds('user', [1]))
  await redis.call('ACL', 'SETUSER', USER, `>${PASSWORD}`)
  await until('it listens again', () => heard.misses.length)
})
