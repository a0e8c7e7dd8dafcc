/** The parts of the Redis store that need no server. */
import t from 'tap'
import { REFILL_S, TOMBSTONE_S } from '../../src/store/record-lives.js'
import { parseAddress, serverProblem } from '../../src/store/redis/connection.js'
import * as keys from '../../src/store/redis/keys.js'
import { parseNotice } from '../../src/store/redis/openim-notices.js'
import { reconnectDelayMs } from '../../src/store/redis/options.js'
import { isMisrouted, slotOf } from '../../src/store/redis/routing.js'
import { assertPresence, decodeSnapshot } from '../../src/store/redis/scripts.js'

t.test("slots are those of Redis's own CLUSTER KEYSLOT", async (t) => {
  const known = { foo: 12182, '123456789': 12739, '': 0, '{foo}bar': 12182, 'a{foo}{bar}': 12182 }
  for (const [key, slot] of Object.entries(known)) t.equal(slotOf(key), slot, key)
})

t.test('all keys of a user share one slot, whatever characters the ID has', async (t) => {
  for (const user of ['u1', 'Åsa', '用户', 'a b', "q'"]) {
    t.equal(new Set(keys.userKeys(user).map(slotOf)).size, 1, user)
  }
  t.equal(slotOf(keys.epochKey('node-1')), slotOf(keys.nodesKey()))
  const ofTokens = [keys.tokensKey, keys.tokenSideKey, keys.refreshKey].map((key) => key('u1', 'Web'))
  t.equal(new Set(ofTokens.map(slotOf)).size, 1)
})

t.test('a user ID that would break the rule of slots or of OpenIM throws', async (t) => {
  for (const user of ['a{b', 'a}b', 'a:b', '']) {
    t.throws(() => keys.claimsKey(user))
    t.throws(() => keys.tokensKey(user, 'Web'))
  }
})

t.test('answers that ask for another route are told from other failures', async (t) => {
  const misrouted = [
    'MOVED 3999 127.0.0.1:6381',
    'ASK 3999 127.0.0.1:6381',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    "READONLY You can't write against a read only replica.",
    'ERR Script attempted to access a non local key in a cluster node script: 1, on @user_script:5.',
  ]
  for (const error of misrouted) t.ok(isMisrouted(error), error)
  for (const error of ['WRONGTYPE Operation', 'Command timed out', 'OOM command not allowed', 'ASKED']) {
    t.notOk(isMisrouted(error), error)
  }
})

t.test('a notice is parsed as OpenIM parses it', async (t) => {
  t.same(parseNotice('1:5:u1'), { userId: 'u1', platformIds: [1, 5] })
  t.same(parseNotice('u1'), { userId: 'u1', platformIds: [] })
  for (const text of ['', '1:', ':u1', 'x:u1', '1.5:u1', '-1:u1', '1e3:u1', '99999999999:u1']) {
    t.equal(parseNotice(text), undefined, text)
  }
})

t.test('a server that cannot serve is refused with what was found and expected', async (t) => {
  t.equal(serverProblem('redis_version:7.0.15\r\nredis_mode:standalone\r\n', false), undefined)
  t.equal(serverProblem('redis_version:8.2.1\r\nredis_mode:cluster\r\n', true), undefined)
  t.match(serverProblem('redis_version:6.2.14\r\n', false), /version 6\.2\.14; 7\.0 or later/)
  t.match(serverProblem('something else', false), /unknown/)
  t.match(serverProblem('redis_version:7.0.15\r\nredis_mode:cluster\r\n', false), /Cluster/)
})

t.test('addresses of Cluster nodes have many forms', async (t) => {
  t.same(parseAddress('redis-1:7000'), { host: 'redis-1', port: 7000, options: {} })
  t.same(parseAddress('10.0.0.1'), { host: '10.0.0.1', port: 6379, options: {} })
  for (const text of ['[::1]:7000', '::1:7000'])
    t.same(parseAddress(text), { host: '::1', port: 7000, options: {} })
  t.same(parseAddress('rediss://me:p%40ss@redis-1:7000'), {
    host: 'redis-1',
    port: 7000,
    options: { username: 'me', password: 'p@ss', tls: {} },
  })
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
    { userId: 'u1', platformIds: [1, 5], versionSeen: 9 },
    { userId: 'u2', platformIds: [], versionSeen: 0, isLogin: true as const },
  ]
  const call = assertPresence(batch, {
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
        { platformId: 5, holder: 'a#1' },
        { platformId: 5, holder: 'b#1' },
        { platformId: 10, holder: 'a#1' },
      ],
      foreign: [2, 11],
    })
  },
)
