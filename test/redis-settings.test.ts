/** Which Redis, by the settings: what they accept, and what they refuse with which words. */
import t from 'tap'
import { loadConfig } from '../src/config/config.js'
import { BadSettingError } from '../src/errors/errors.js'
import { redisOptions } from '../src/node/redis-options.js'

type Env = Record<string, string>

const SECRET = { AUTH_SECRET: 'pU4mGqk1l9Rz0Xb7cYw2' }
const machine = { hostname: 'host-1', pid: 42, cores: 2 }
const load = (env: Env) => loadConfig({ ...SECRET, ...env }, machine)

function faultsOf(env: Env): string[] {
  try {
    load(env)
  } catch (error) {
    if (error instanceof BadSettingError) return error.message.split('\n')
    throw error
  }
  return []
}

const CLUSTER = { REDIS_CLUSTER_NODES: 'a:1,[::1]:2' }
const SENTINEL = { REDIS_SENTINELS: 's1:26379,s2:26379', REDIS_SENTINEL_NAME: 'main' }

t.test('each form of Redis comes to the options of its store', async (t) => {
  const credentials = { REDIS_USER: 'me', REDIS_PASSWORD: 'a b%' }
  t.match(redisOptions(load({ REDIS_URL: 'redis://u:p@h:1/2' })), { url: 'redis://u:p@h:1/2', prefix: '' })
  t.match(redisOptions(load({ ...CLUSTER, ...credentials, REDIS_TLS: 'true', REDIS_PREFIX: 'staging:' })), {
    url: undefined,
    clusterNodes: ['a:1', '::1:2'],
    username: 'me',
    password: 'a b%',
    tls: true,
    prefix: 'staging:',
  })
  const sentinel = { REDIS_SENTINEL_USER: 'su', REDIS_SENTINEL_PASSWORD: 'sp', REDIS_DB: '3' }
  const map = { REDIS_NAT_MAP: '10.0.0.1:6379=gw:7001, [fd00::1]:6379 = [::1]:7002' }
  const options = redisOptions(load({ ...SENTINEL, ...sentinel, ...map }))
  t.match(options, {
    sentinels: ['s1:26379', 's2:26379'],
    sentinelName: 'main',
    sentinelUsername: 'su',
    sentinelPassword: 'sp',
    db: 3,
  })
  t.same(
    [...options.natMap!],
    [
      ['10.0.0.1:6379', { host: 'gw', port: 7001 }],
      ['fd00::1:6379', { host: '::1', port: 7002 }],
    ],
  )
})

t.test('each bad value is named, with what was expected', async (t) => {
  const bad: Record<string, string[]> = {
    REDIS_URL: ['redis://h/main', 'redis://:a%deb@h', 'redis://h?x=1', 'redis://h:0', 'redis://h/-1'],
    REDIS_CLUSTER_NODES: ['::1:7000', 'a:1;b:2'],
    REDIS_SENTINELS: ['a', 'a:0'],
    REDIS_DB: ['-1', 'main', '1.5'],
    REDIS_TLS: ['yes'],
    REDIS_TLS_SERVER_NAME: ['a b', 'a/b'],
    REDIS_NAT_MAP: ['a:1', 'a:1=b', 'a:1=b:2=c:3', 'a=b:1'],
    REDIS_PREFIX: ['a b', '{tag}:', 'x'.repeat(65), 'a*', 'ä'],
    REDIS_USER: ['a b'],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const [fault] = faultsOf({ [name]: value })
      t.match(fault, new RegExp(`^${name} .*; expected .+\\.$`, 's'), `${name}=${value}`)
    }
  }
})

t.test('a password that cannot be read is said so, and not repeated', async (t) => {
  const [fault] = faultsOf({ REDIS_URL: 'redis://:hunter%2@h' })
  t.match(fault, /^REDIS_URL is refused \(it has a % in its user or password that encodes nothing: write %25/)
  t.notMatch(fault, /hunter/)
  t.notMatch(faultsOf({ ...CLUSTER, REDIS_PASSWORD: 'hunter\u0001' }).join(), /hunter/)
})

t.test('settings of Redis that contradict each other are refused with a sentence', async (t) => {
  const URL = { REDIS_URL: 'redis://h' }
  const contradictions: [Env, RegExp][] = [
    [{ ...URL, ...CLUSTER }, /two of them are set/],
    [{ ...URL, ...SENTINEL }, /two of them are set/],
    [{ ...CLUSTER, ...SENTINEL }, /two of them are set/],
    [{ REDIS_PASSWORD: 'p' }, /set REDIS_URL, REDIS_CLUSTER_NODES or REDIS_SENTINELS too/],
    [{ REDIS_PREFIX: 'p' }, /set REDIS_URL, REDIS_CLUSTER_NODES or REDIS_SENTINELS too/],
    [{ REDIS_SENTINELS: 'a:1' }, /^REDIS_SENTINEL_NAME is not set/],
    [{ ...URL, REDIS_SENTINEL_NAME: 'main' }, /go with REDIS_SENTINELS/],
    [{ ...URL, REDIS_DB: '1' }, /go with REDIS_SENTINELS/],
    [{ ...CLUSTER, REDIS_DB: '1' }, /go with REDIS_SENTINELS/],
    [{ ...CLUSTER, REDIS_USER: 'u' }, /^REDIS_PASSWORD is not set/],
    [{ ...SENTINEL, REDIS_SENTINEL_USER: 'u' }, /^REDIS_SENTINEL_PASSWORD is not set/],
    [{ REDIS_URL: 'redis://:p@h', REDIS_PASSWORD: 'q' }, /set each in one place/],
    [{ REDIS_URL: 'redis://u:p@h', REDIS_USER: 'v', REDIS_PASSWORD: 'q' }, /set each in one place/],
    [{ ...URL, REDIS_TLS: 'true' }, /write rediss:/],
    [{ ...URL, REDIS_TLS_CA_FILE: 'ca.pem' }, /without TLS/],
    [{ ...CLUSTER, REDIS_TLS_SERVER_NAME: 'h' }, /without TLS/],
    [{ ...CLUSTER, REDIS_TLS: 'true', REDIS_TLS_CERT_FILE: 'c.pem' }, /go together/],
    [{ ...URL, REDIS_NAT_MAP: 'a:1=b:2' }, /^REDIS_NAT_MAP is for/],
    [{ ...URL, REDIS_PREFIX: 'a:', OPENIM_COMPAT: 'true' }, /^REDIS_PREFIX does not go with OPENIM_COMPAT/],
  ]
  for (const [env, sentence] of contradictions) {
    const faults = faultsOf(env)
    t.equal(faults.length, 1, `${sentence.source}: ${faults.join(' ')}`)
    t.match(faults[0], sentence)
  }
})

t.test('what goes together is taken', async (t) => {
  const files = { REDIS_TLS_CA_FILE: 'ca', REDIS_TLS_CERT_FILE: 'c', REDIS_TLS_KEY_FILE: 'k' }
  const good: Env[] = [
    { REDIS_URL: 'rediss://h', ...files },
    { REDIS_URL: 'rediss://h', REDIS_TLS: 'true' },
    { REDIS_URL: 'redis://u@h', REDIS_PASSWORD: 'from-a-file' },
    { REDIS_URL: 'redis://h', REDIS_USER: 'u', REDIS_PASSWORD: 'p' },
    { ...CLUSTER, REDIS_TLS: 'true', ...files, REDIS_NAT_MAP: 'a:1=b:2' },
    { ...CLUSTER, OPENIM_COMPAT: 'true' },
    { ...SENTINEL, REDIS_TLS: 'true', REDIS_PASSWORD: 'p', REDIS_PREFIX: 'a.b-c_d:' },
  ]
  for (const env of good) t.same(faultsOf(env), [], JSON.stringify(env))
})

t.test('development mode ends with any form of Redis', async (t) => {
  for (const env of [{ REDIS_URL: 'redis://h' }, CLUSTER, SENTINEL]) {
    t.throws(() => loadConfig(env, machine), /^AUTH_SECRET is not set/)
  }
})
