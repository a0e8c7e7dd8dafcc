/** The parts of the Redis store that need no server. */

import slotOf from 'cluster-key-slot'
import t from 'tap'
import { parseEndpoint, parseRedisUrl } from '../../src/net/redis-url.js'
import { Platform } from '../../src/openim/platforms.js'
import { Keys, plainKeys } from '../../src/store/redis/keys.js'
import { parseNotice } from '../../src/store/redis/openim-notices.js'
import { assertPresence, decodeSnapshot } from '../../src/store/redis/scripts/scripts.js'
import { redirectedTo, unservedSlots, withHosts } from '../../src/store/redis/server/announced-addresses.js'
import { reconnectDelayMs } from '../../src/store/redis/server/options.js'
import { isMisrouted } from '../../src/store/redis/server/routing.js'
import { serverProblem } from '../../src/store/redis/server/server-info.js'
import { REFILL_S, TOMBSTONE_S } from '../../src/store/shared/record-lives.js'

t.test("slots are those of Redis's own CLUSTER KEYSLOT", async (t) => {
  const known = { foo: 12182, '123456789': 12739, '': 0, '{foo}bar': 12182, 'a{foo}{bar}': 12182 }
  for (const [key, slot] of Object.entries(known)) t.equal(slotOf(key), slot, key)
})

for (const keys of [plainKeys, new Keys('staging:'), new Keys('a.b-c_', 3)]) {
  t.test(`all keys of a user share one slot, whatever characters the ID has: '${keys.prefix}'`, async (t) => {
    for (const user of ['u1', 'Åsa', '用户', 'a b', "q'"]) {
      t.equal(new Set([...keys.ofUser(user), keys.seats(user)].map(slotOf)).size, 1, user)
    }
    t.equal(new Set([...keys.ofRegistry(), keys.epoch('node-1')].map(slotOf)).size, 1)
    const ofTokens = [keys.tokens('u1', 'Web'), keys.tokenSide('u1', 'Web'), keys.refresh('u1', 'Web')]
    t.equal(new Set(ofTokens.map(slotOf)).size, 1)
    for (const key of [...keys.ofUser('u1'), ...keys.ofRegistry(), ...ofTokens, keys.nodeChannel('n')]) {
      t.ok(key.startsWith(keys.prefix), key)
    }
  })
}

t.test('channels say their prefix and database; those of database 0 are as they always were', async (t) => {
  t.equal(plainKeys.nodeChannel('gw-0'), 'PORCHLIGHT:NODE:gw-0')
  const channels = [plainKeys, new Keys('', 1), new Keys('', 11), new Keys('x:'), new Keys('x:', 1)].map(
    (keys) => keys.nodeChannel('gw-0'),
  )
  t.equal(new Set(channels).size, channels.length)
})

t.test('a user ID that would break the rule of slots or of OpenIM throws', async (t) => {
  for (const user of ['a{b', 'a}b', 'a:b', '']) {
    t.throws(() => plainKeys.claims(user))
    t.throws(() => plainKeys.tokens(user, 'Web'))
  }
})

t.test('answers that ask for another route are told from other failures', async (t) => {
  const misrouted = [
    'MOVED 3999 127.0.0.1:6381',
    'ASK 3999 127.0.0.1:6381',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    "READONLY You can't write against a read only replica.",
    'ERR Script attempted to access a non local key in a cluster node script: 1, on @user_script:5.',
    'CLUSTERDOWN Hash slot not served',
  ]
  for (const error of misrouted) t.ok(isMisrouted(error), error)
  for (const error of [
    'WRONGTYPE Operation',
    'Command timed out',
    'OOM command not allowed',
    'ASKED',
    'CLUSTERDOWN The cluster is down',
  ]) {
    t.notOk(isMisrouted(error), error)
  }
})

t.test('a notice is parsed as OpenIM parses it', async (t) => {
  t.same(parseNotice('1:5:u1'), { userId: 'u1', platformIds: [Platform.IOS, Platform.Web] })
  t.same(parseNotice('u1'), { userId: 'u1', platformIds: [] })
  for (const text of ['', '1:', ':u1', 'x:u1', '1.5:u1', '-1:u1', '1e3:u1', '99999999999:u1']) {
    t.equal(parseNotice(text), undefined, text)
  }
})

t.test('a server that cannot serve is refused with what was found and expected', async (t) => {
  const good = { redis_version: '7.0.15', redis_mode: 'standalone', role: 'master' }
  const problemOf = (fields: object, expectCluster = false) =>
    serverProblem({ ...good, ...fields }, expectCluster)
  t.equal(problemOf({}), undefined)
  t.equal(problemOf({ redis_version: '8.2.1', redis_mode: 'cluster' }, true), undefined)
  t.match(problemOf({ redis_version: '6.2.14' }), {
    text: /version 6\.2\.14; 7\.0 or later/,
    isLasting: true,
  })
  t.match(serverProblem({}, false), { text: /INFO/, isLasting: true })
  t.match(problemOf({ redis_mode: 'cluster' }), { text: /REDIS_CLUSTER_NODES/, isLasting: true })
  t.match(problemOf({ redis_mode: 'sentinel' }), { text: /REDIS_SENTINELS/, isLasting: true })
  t.match(problemOf({ role: 'slave' }), { text: /replica/, isLasting: false })
})

t.test('endpoints have many forms', async (t) => {
  t.same(parseEndpoint('redis-1:7000'), { host: 'redis-1', port: 7000 })
  t.same(parseEndpoint('my_redis.internal:1'), { host: 'my_redis.internal', port: 1 })
  for (const text of ['[::1]:7000', '::1:7000']) t.same(parseEndpoint(text), { host: '::1', port: 7000 })
  for (const text of ['a', 'a:', ':1', 'a:0', 'a:65536', '[a]:1', 'redis://a:1', 'u@a:1', 'a b:1', '::1']) {
    t.equal(parseEndpoint(text), undefined, text)
  }
})

t.test('a URL is read whole', async (t) => {
  const plain = { host: 'h', port: 6379, tls: false, db: 0 }
  t.same(parseRedisUrl('redis://h'), plain)
  t.same(parseRedisUrl('redis://h/'), plain)
  t.same(parseRedisUrl('REDISS://h:7/12'), { host: 'h', port: 7, tls: true, db: 12 })
  t.same(parseRedisUrl('redis://:a%2Fb%25@h'), { ...plain, password: 'a/b%' })
  t.same(parseRedisUrl('redis://me:p@ss@[::1]:7000/3'), {
    host: '::1',
    port: 7000,
    username: 'me',
    password: 'p@ss',
    tls: false,
    db: 3,
  })
})

t.test('a URL that cannot be taken at its word says why, without its password', async (t) => {
  const faults = {
    'http://h': /redis:\/\//,
    'redis:h': /redis:\/\//,
    '/var/run/redis.sock': /redis:\/\//,
    'unix:///var/run/redis.sock': /redis:\/\//,
    'redis://': /no host/,
    'redis:///1': /no host/,
    'redis://h:0': /port 0/,
    'redis://h:65536': /port/,
    'redis://h:x': /port/,
    'redis://a b': /host/,
    'redis://:hush%de@h': /%25/,
    'redis://:hush%@h': /%25/,
    'redis://hush%zz:x@h': /%25/,
    'redis://:hu/sh@h': /percent-encoded/,
    'redis://:hu?sh@h': /percent-encoded/,
    'redis://:hu#sh@h': /percent-encoded/,
    'redis://h/main': /database number/,
    'redis://h/-1': /database number/,
    'redis://h/1.5': /database number/,
    'redis://h/1/2': /database number/,
    'redis://h/9999999999': /database number/,
    'redis://h?db=1': /parameters/,
    'redis://h/0?tls=true': /parameters/,
    'redis://h/0#x': /parameters/,
  }
  for (const [text, fault] of Object.entries(faults)) {
    const parsed = parseRedisUrl(text)
    t.match(parsed, { fault }, text)
    t.notMatch(JSON.stringify(parsed), /hush/, text)
  }
})

t.test('servers that do not tell their address are at the host that was asked', async (t) => {
  const ranges = withHosts(
    [
      [0, 99, ['', 7000, 'a'], [null, 7001, 'b', []]],
      [100, 16_383, ['?', 7002, 'c', ['ip', '10.0.0.3']], ['10.0.0.4', 7003, 'd'], ['?', 7004, 'e', []]],
    ],
    '10.0.0.1',
  )
  const hosts = ranges.map(([, , ...owners]) => owners.map(([host, port]) => `${host}:${port}`))
  t.same(hosts, [
    ['10.0.0.1:7000', '10.0.0.1:7001'],
    ['10.0.0.3:7002', '10.0.0.4:7003', '10.0.0.1:7004'],
  ])
  const known = [
    { host: 'x', port: 7000 },
    { host: 'y', port: 7001 },
  ]
  t.same(redirectedTo(':7001', known), { host: 'y', port: 7001 })
  t.same(redirectedTo('?:7009', known), { host: 'x', port: 7009 })
  t.equal(redirectedTo('10.0.0.4:7001', known), undefined)
})

t.test('slots that no range has are unserved', async (t) => {
  t.same(unservedSlots([[0, 16_383]]), [])
  t.same(
    unservedSlots([
      [2, 9],
      [11, 16_383],
    ]),
    [0, 1, 10],
  )
})

t.test('attempts to connect are ever rarer, up to the bound', async (t) => {
  t.ok(reconnectDelayMs(1, 2000) <= 50)
  t.ok(reconnectDelayMs(4, 2000) >= 320)
  for (const attempt of [7, 50, 5000]) {
    const delayMs = reconnectDelayMs(attempt, 2000)
    t.ok(delayMs >= 1600 && delayMs <= 2000)
  }
})

t.test('a call has the keys of its first user and four arguments for each', async (t) => {
  const batch = [
    { userId: 'u1', platformIds: [Platform.IOS, Platform.Web], versionSeen: 9 },
    { userId: 'u2', platformIds: [], versionSeen: 0, isLogin: true as const },
  ]
  const call = assertPresence(batch, {
    keys: plainKeys,
    holder: 'node#7',
    presenceTtlS: 1800,
    openimCompat: true,
    tellsNodes: true,
  })
  t.same(call.keys, ['PRESENCE:{ONLINE:u1}', 'ONLINE:u1', 'WATCH:{ONLINE:u1}'])
  t.same(call.args, [
    'node',
    7,
    1800,
    TOMBSTONE_S,
    REFILL_S,
    'online_change',
    'PORCHLIGHT:NODE:',
    'u1',
    9,
    '1,5',
    '',
    'u2',
    0,
    '',
    'l',
  ])
})

t.test(
  'a snapshot is in order, with foreign platforms apart, and strange members are left out',
  async (t) => {
    const claims = ['5@b#1', '100', '10@a#1', '90', '5@a#1', '110', 'v', '1763676000123456', 'junk', '1']
    t.same(decodeSnapshot('u', [claims, ['10', '5', '2', 'x', '11']]), {
      userId: 'u',
      version: 1_763_676_000_123_456,
      claims: [
        { platformId: Platform.Web, holder: 'a#1' },
        { platformId: Platform.Web, holder: 'b#1' },
        { platformId: Platform.Admin, holder: 'a#1' },
      ],
      foreign: [2, 11],
    })
  },
)
