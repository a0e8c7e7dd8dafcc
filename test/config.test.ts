import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig, withAuthSecret } from '../src/config/config.js'
import { settings } from '../src/config/settings.js'
import { settingsTables } from '../src/config/table.js'
import { BadSettingError } from '../src/errors/errors.js'
import { developmentSecret } from '../src/node/development-secret.js'
import { FRAME_ENCODINGS } from '../src/openim/codec/encodings.js'
import { SubUserOnlineStatus } from '../src/openim/proto/openim.js'
import { success } from '../src/openim/replies.js'
import { RequestId } from '../src/openim/requests.js'
import { encodeTips } from '../src/openim/status-frame.js'

type Env = Record<string, string | undefined>

const GOOD_SECRET = 'Gq4zW9mT1xJ7vB2nK5pL'
const machine = { hostname: 'host-1', pid: 42, cores: 2 }
const load = (env: Env = {}) => loadConfig(env, machine)

/** What loadConfig says is wrong, one line a fault. */
function faultsOf(env: Env): string[] {
  try {
    load(env)
  } catch (error) {
    if (error instanceof BadSettingError) return error.message.split('\n')
    throw error
  }
  return []
}

t.test('without any variable a node starts in development mode with the documented defaults', async (t) => {
  t.match(load(), {
    wsPort: 10_001,
    apiPort: 10_002,
    healthPort: 11_002,
    healthHost: '127.0.0.1',
    host: '127.0.0.1',
    redisUrl: '',
    redisClusterNodes: [],
    authSecret: '',
    developmentMode: true,
    usesRedis: false,
    adminUserIds: ['imAdmin'],
    nodeId: 'host-1-10001',
    shardThreads: 0,
    presenceShards: 4,
    allowedOrigins: [],
    openimCompat: false,
    transport: 'auto',
    logLevel: 'info',
  })
})

t.test('values are read as their types', async (t) => {
  const config = load({
    WS_PORT: ' 0 ',
    AUTH_SECRET: GOOD_SECRET,
    ADMIN_USER_IDS: 'root, imAdmin',
    REDIS_CLUSTER_NODES: 'a:7000,10.0.0.1:7001,[::1]:7002',
    ALLOWED_ORIGINS: 'https://Example.com:443, capacitor://localhost, https://*.Example.org, null',
    TRUSTED_PROXIES: 'loopback, 10.1.2.3, 2001:DB8::/32',
    OPENIM_COMPAT: '1',
    OFFLINE_GRACE_MS: '0',
    PLATFORMS: '12:Vision:Headset, 13:Car:Car',
    TRANSPORT: 'ws',
    BATCH_SIZE: '',
  })
  t.match(config, {
    wsPort: 0,
    nodeId: 'host-1-p42',
    developmentMode: false,
    usesRedis: true,
    authSecret: GOOD_SECRET,
    adminUserIds: ['root', 'imAdmin'],
    redisClusterNodes: [
      { host: 'a', port: 7000 },
      { host: '10.0.0.1', port: 7001 },
      { host: '::1', port: 7002 },
    ],
    allowedOrigins: ['https://example.com', 'capacitor://localhost', 'https://*.example.org', 'null'],
    trustedProxies: ['127.0.0.0/8', '::1/128', '10.1.2.3/32', '2001:db8::/32'],
    openimCompat: true,
    offlineGraceMs: 0,
    platforms: '12:Vision:Headset, 13:Car:Car',
    transport: 'ws',
    batchSize: 100,
  })
})

t.test('shards have a thread of their own where there are cores for it, or it is asked for', async (t) => {
  t.equal(load().shardThreads, 0)
  t.equal(load({ SHARD_THREADS: ' 1' }).shardThreads, 1)
  t.equal(loadConfig({}, { ...machine, cores: 4 }).shardThreads, 1)
  t.equal(loadConfig({ SHARD_THREADS: '0' }, { ...machine, cores: 64 }).shardThreads, 0)
  t.match(faultsOf({ SHARD_THREADS: '-1' }), [/SHARD_THREADS/], 'what stands for "not set" is no value')
})

t.test('each shard thread has some shards', async (t) => {
  t.equal(load({ SHARD_THREADS: '3' }).presenceShards, 12)
  t.equal(load({ SHARD_THREADS: '3', PRESENCE_SHARDS: '7' }).presenceShards, 7)
  t.equal(load({ SHARD_THREADS: '0', IO_THREADS: '2' }).presenceShards, 8, 'they live with the sockets')
})

t.test('records live long, but as long as OpenIM expects where its services read them', async (t) => {
  t.equal(load().presenceTtlS, 43_200)
  const shared = { AUTH_SECRET: GOOD_SECRET, REDIS_URL: 'redis://a', OPENIM_COMPAT: '1' }
  t.equal(load(shared).presenceTtlS, 1_800)
  t.equal(load({ ...shared, PRESENCE_TTL_S: '600' }).presenceTtlS, 600)
  t.match(settingsTables('##'), '| `PRESENCE_TTL_S` | `43200`, with OPENIM_COMPAT `1800` |')
})

t.test('the settings are frozen through and through, and may be posted to another thread', async (t) => {
  const config = load({ AUTH_SECRET: GOOD_SECRET, REDIS_CLUSTER_NODES: 'a:7000' })
  t.ok(Object.isFrozen(config))
  t.ok(Object.isFrozen(config.adminUserIds))
  t.ok(Object.isFrozen(config.redisClusterNodes[0]))
  t.same(structuredClone(config), config)
})

t.test('each bad value is named, with what was expected', async (t) => {
  const bad: Record<string, string[]> = {
    WS_PORT: ['65536', '-1', '80.5', '0x50', 'eighty', '1e3'],
    API_PORT: ['99999'],
    HOST: ['a b', '256.1.1.1', '-x', '127.0.0.1:80'],
    REDIS_URL: ['localhost:6379', 'http://x', 'redis://', 'redis:///0'],
    REDIS_CLUSTER_NODES: ['a', 'a:0', 'a:65536', 'a:1,b', 'redis://a:1'],
    AUTH_SECRET: ['short'],
    ADMIN_USER_IDS: ['a:b', 'ok,{x}', 'x'.repeat(129)],
    TOKEN_EXPIRE_DAYS: ['0', '3651'],
    NODE_ID: ['a@b', 'a#b', 'a:b', 'a b', 'x'.repeat(65)],
    IO_THREADS: ['0', '65'],
    PRESENCE_SHARDS: ['0'],
    BATCH_SIZE: ['0', '1001'],
    PRESENCE_TTL_S: ['9'],
    WATCH_TTL_S: ['9'],
    OFFLINE_GRACE_MS: ['-1'],
    ALLOWED_ORIGINS: [
      'example.com',
      'https://a/b',
      'https://u@a',
      'https://',
      'wss://a',
      'https://a*.b',
      'https://*',
    ],
    TRUSTED_PROXIES: ['proxy.example', '10.0.0.0/33', '0.0.0.0/0', '10.0.0.1,x', '*'],
    FORWARDED_HEADER: ['x-real-ip'],
    PROXY_PROTOCOL: ['on', 'v3'],
    ADDRESS_PREFIX_V6: ['15', '129'],
    OPENIM_COMPAT: ['yes', 'TRUE'],
    PLATFORMS: ['12', '12:Vision', 'x:Vision:Headset', '5:Vision:Headset', '12:Web:Web'],
    TRANSPORT: ['uWS'],
    LOG_LEVEL: ['loud'],
    DATA_DIR: ['a\0b'],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const faults = faultsOf({ [name]: value })
      t.equal(faults.length, 1, `${name}=${value}`)
      t.match(faults[0], new RegExp(`^${name} .*; expected .+\\.$`, 's'), `${name}=${value}`)
    }
  }
})

t.test('all faults are told at once, relations among them', async (t) => {
  const faults = faultsOf({
    WS_PORT: 'x',
    BATCH_SIZE: '5000',
    LOG_LEVEL: 'loud',
    SHARD_THREADS: '32',
    PRESENCE_SHARDS: '16',
    HOST: '0.0.0.0',
  })
  t.equal(faults.length, 5)
  for (const name of ['WS_PORT', 'BATCH_SIZE', 'LOG_LEVEL', 'PRESENCE_SHARDS', 'AUTH_SECRET']) {
    t.ok(
      faults.some((line) => line.startsWith(name)),
      name,
    )
  }
})

t.test('by default one request may list as many users as may be watched, and is answered', async (t) => {
  const config = load()
  t.equal(config.watchesPerConnectionMax, 10_000)
  t.equal(config.watchedUsersMax, 524_288)
  t.equal(load({ THREAD_HEAP_MB: '128', SHARD_THREADS: '2' }).watchedUsersMax, 131_072)
  const id = 'x'.repeat(64)
  const users = Array(config.watchesPerConnectionMax).fill(id) as string[]
  const asked = SubUserOnlineStatus.encode({ subscribeUserID: users, unsubscribeUserID: [] }).finish()
  const labels = { operationID: id, msgIncr: id }
  const envelope = { ...labels, token: '', sendID: id }
  const platformIds = Array.from({ length: 11 }, (_, n) => n + 1)
  const answer = encodeTips(users.map((userId) => ({ userId, platformIds })))
  for (const encoding of FRAME_ENCODINGS) {
    const request = encoding.encodeRequest({
      ...envelope,
      reqIdentifier: RequestId.SubscribeStatus,
      data: asked,
    })
    t.ok(request.length <= config.messageBytesMax, `${encoding.name}: ${request.length} bytes are asked`)
    t.ok(encoding.unpack(request, config.inflatedBytesMax).length <= config.inflatedBytesMax)
    const response = encoding.encodeResponse(
      success({ ...labels, reqIdentifier: RequestId.SubscribeStatus }, answer),
    )
    t.ok(response.length <= config.backpressureBytesMax, `${encoding.name}: ${response.length} are answered`)
  }
})

t.test('settings that contradict each other are refused with a sentence', async (t) => {
  const contradictions: [Env, RegExp][] = [
    [
      { REDIS_URL: 'redis://a', REDIS_CLUSTER_NODES: 'a:1', AUTH_SECRET: GOOD_SECRET },
      /^REDIS_URL, REDIS_CLUSTER_NODES and REDIS_SENTINELS: two/,
    ],
    [{ PRESENCE_SHARDS: '2', SHARD_THREADS: '4' }, /^PRESENCE_SHARDS must be at least SHARD_THREADS/],
    [{ PRESENCE_SHARDS: '2', SHARD_THREADS: '0', IO_THREADS: '4' }, /^PRESENCE_SHARDS must be at least/],
    [{ INFLATED_BYTES_MAX: '20000' }, /^INFLATED_BYTES_MAX must be at least MESSAGE_BYTES_MAX/],
    [
      { BACKPRESSURE_BYTES_MAX: '20000', WATCHES_PER_CONNECTION_MAX: '100' },
      /^BACKPRESSURE_BYTES_MAX must be at least MESSAGE_BYTES_MAX/,
    ],
    [{ MESSAGE_BYTES_MAX: '51200' }, /^MESSAGE_BYTES_MAX must hold a request that lists WATCHES_PER_CONN/],
    [{ BACKPRESSURE_BYTES_MAX: '1048576' }, /^BACKPRESSURE_BYTES_MAX must hold the answer to a request/],
    [{ NEW_WATCHES_PER_MIN: '9999' }, /^NEW_WATCHES_PER_MIN must be at least WATCHES_PER_CONNECTION_MAX/],
    [{ NEW_WATCHES_PER_MIN_PER_USER: '9999' }, /^NEW_WATCHES_PER_MIN_PER_USER must be at least NEW_WATCHES/],
    [{ WATCHES_WAITING_MAX: '9999' }, /^WATCHES_WAITING_MAX must be at least WATCHES_PER_CONNECTION_MAX/],
    [{ WATCHED_USERS_MAX: '19999', IO_THREADS: '2' }, /^WATCHED_USERS_MAX must be at least WATCHES_PER_CONN/],
    [
      { WATCHED_USERS_MAX: '524289' },
      /^WATCHED_USERS_MAX must be at most 512 for each MiB of THREAD_HEAP_MB/,
    ],
    [{ MERGE_INTERVAL_MS: '4000', PRESENCE_TTL_S: '10' }, /^MERGE_INTERVAL_MS must be at most a third/],
    [{ MERGE_INTERVAL_MS: '4000', WATCH_TTL_S: '10' }, /^MERGE_INTERVAL_MS must be at most a third of WATCH/],
    [{ NODE_LEASE_MS: '20000', PRESENCE_TTL_S: '10' }, /^NODE_LEASE_MS must be at most PRESENCE_TTL_S/],
    [{ WS_PORT: '9000', API_PORT: '9000' }, /^WS_PORT and API_PORT must differ/],
    [{ HEALTH_PORT: '10002' }, /^HEALTH_PORT must differ from WS_PORT and API_PORT/],
    [{ TRANSPORT: 'ws', IO_THREADS: '2' }, /^IO_THREADS must be 1 with TRANSPORT=ws/],
    [{ ALLOWED_ORIGINS: '*,https://a' }, /^ALLOWED_ORIGINS must be either/],
    [{ TLS_CERT_FILE: 'cert.pem' }, /^TLS_CERT_FILE and TLS_KEY_FILE go together/],
    [{ TLS_KEY_FILE: 'key.pem' }, /^TLS_CERT_FILE and TLS_KEY_FILE go together/],
    [{ PROXY_PROTOCOL: 'v2' }, /^PROXY_PROTOCOL needs TRUSTED_PROXIES/],
    [{ PROXY_PROTOCOL: 'v1', TRUSTED_PROXIES: 'private' }, /^PROXY_PROTOCOL=v1 needs TRANSPORT=ws/],
    [
      { PROXY_PROTOCOL: 'v2', TRUSTED_PROXIES: 'private', TLS_CERT_FILE: 'a', TLS_KEY_FILE: 'b' },
      /^PROXY_PROTOCOL with TLS_CERT_FILE needs TRANSPORT=ws/,
    ],
    [{ AUTH_ALGORITHM: 'RS256' }, /^AUTH_PUBLIC_KEYS is not set: AUTH_ALGORITHM RS256 or ES256 checks/],
    [{ AUTH_ALGORITHM: 'ES256', AUTH_PRIVATE_KEY: 'own.pem' }, /^AUTH_PUBLIC_KEYS is not set/],
    [
      { AUTH_PUBLIC_KEYS: 'keys.json' },
      /^AUTH_PUBLIC_KEYS and AUTH_PRIVATE_KEY go with AUTH_ALGORITHM RS256/,
    ],
    [
      { AUTH_ALGORITHM: 'HS256', AUTH_PRIVATE_KEY: 'own.pem' },
      /^AUTH_PUBLIC_KEYS and AUTH_PRIVATE_KEY go with/,
    ],
  ]
  for (const [env, sentence] of contradictions) {
    const faults = faultsOf(env)
    t.equal(faults.length, 1, sentence.source)
    t.match(faults[0], sentence)
  }
  const tls = { TLS_CERT_FILE: 'a', TLS_KEY_FILE: 'b' }
  t.same(faultsOf({ PROXY_PROTOCOL: 'v1', TRUSTED_PROXIES: '10.0.0.1', TRANSPORT: 'ws', ...tls }), [])
  t.same(faultsOf({ WS_PORT: '0', API_PORT: '0' }), [], 'two free ports do not clash')
  const keyFiles = { AUTH_PUBLIC_KEYS: 'keys.json', AUTH_PRIVATE_KEY: 'own.pem' }
  t.same(faultsOf({ AUTH_ALGORITHM: 'RS256', ...keyFiles }), [])
  t.same(
    faultsOf({ AUTH_ALGORITHM: 'ES256', AUTH_PUBLIC_KEYS: 'keys.json' }),
    [],
    'tokens are made elsewhere',
  )
})

t.test('a secret that everybody knows is refused, even when it is long', async (t) => {
  const known = [
    'openIM123',
    'openIM123openIM123',
    'secret',
    'secretsecretsecretsecret',
    'changeme-changeme-changeme',
    'Password-Password',
    'your-256-bit-secret',
    'super-secret-password',
    'aaaaaaaaaaaaaaaaaaaaaaaa',
    '0123456789abcdef',
    '----------------',
  ]
  for (const secret of known) {
    const faults = faultsOf({ AUTH_SECRET: secret })
    t.match(faults, [/^AUTH_SECRET is refused \(a well-known secret\); expected at least 16 bytes/], secret)
  }
  t.match(faultsOf({ AUTH_SECRET: 'x7Kq2ZpW9mT1vB4' }), [/^AUTH_SECRET is refused \(shorter than 16 bytes\)/])
  t.same(faultsOf({ AUTH_SECRET: GOOD_SECRET }), [])
})

t.test('no message repeats a secret or a password', async (t) => {
  const faults = faultsOf({ AUTH_SECRET: 'tooShort7', REDIS_URL: 'http://u:hunter2@a' }).join('\n')
  t.match(faults, /AUTH_SECRET[\s\S]*REDIS_URL|REDIS_URL[\s\S]*AUTH_SECRET/)
  t.notMatch(faults, /tooShort7|hunter2/)
})

t.test('a node that others can reach needs a secret', async (t) => {
  const asks = /^AUTH_SECRET is not set: set it/
  t.match(faultsOf({ HOST: '0.0.0.0' }), [asks])
  t.match(faultsOf({ HOST: '::' }), [asks])
  t.match(faultsOf({ NODE_ENV: 'production' }), [asks])
  t.match(faultsOf({ REDIS_URL: 'redis://127.0.0.1' }), [asks])
  t.match(faultsOf({ REDIS_CLUSTER_NODES: '127.0.0.1:7000' }), [asks])
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
    t.ok(load({ HOST: host }).developmentMode)
  t.notOk(load({ AUTH_SECRET: GOOD_SECRET }).developmentMode)
})

t.test('the default name of a node is one that its own rules allow', async (t) => {
  const odd = loadConfig({}, { ...machine, hostname: `my@host#1:${'x'.repeat(80)}` }).nodeId
  t.match(odd, /^my-host-1-x+-10001$/)
  t.equal(odd.length, 64)
  t.equal(loadConfig({}, { ...machine, hostname: '' }).nodeId, 'node-10001')
})

t.test('the tables have a row for every setting, named after its variable', async (t) => {
  const lines = settingsTables('##')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  t.equal(lines.length, Object.keys(settings).length)
  for (const [name, { env }] of Object.entries(settings)) {
    t.ok(
      lines.some((line) => line.startsWith(`| \`${env}\` |`)),
      env,
    )
    t.equal(
      env.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      name,
    )
  }
})

t.test("development mode's secret is made once, for its owner alone, and kept", async (t) => {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'porchlight-')), 'data')
  const [first, second] = await Promise.all([developmentSecret(dataDir), developmentSecret(dataDir)])
  t.match(first, /^[\w-]{43}$/)
  t.equal(await developmentSecret(dataDir), first, 'a restart finds it again')
  t.equal(second, first, 'two processes at once agree')
  t.equal(statSync(dataDir).mode & 0o777, 0o700)
  t.equal(statSync(join(dataDir, 'development-secret')).mode & 0o777, 0o600)
  t.equal(readFileSync(join(dataDir, 'development-secret'), 'utf8').trim(), first)
  const config = withAuthSecret(load(), first)
  t.equal(config.authSecret, first)
  t.ok(Object.isFrozen(config))
})

t.test('a development secret that cannot be kept, or is none, is a bad setting', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'porchlight-'))
  writeFileSync(join(dataDir, 'development-secret'), 'short\n')
  await t.rejects(developmentSecret(dataDir), { code: 'BAD_SETTING', message: /remove it/ })
  await t.rejects(developmentSecret(join(dataDir, 'development-secret', 'x')), {
    code: 'BAD_SETTING',
    message: /^DATA_DIR cannot hold .*ENOTDIR/,
  })
})

t.test('health listens beside the API port, wherever that is', (t) => {
  const healthPortOf = (env: Record<string, string>) => load(env).healthPort
  t.equal(healthPortOf({ API_PORT: '0' }), 0)
  t.equal(healthPortOf({ API_PORT: '8080' }), 9080)
  t.equal(healthPortOf({ API_PORT: '65000' }), 64_000, 'no port is above 65535')
  t.equal(healthPortOf({ API_PORT: '9000', WS_PORT: '10000' }), 10_001, 'the sockets have the port beside')
  t.equal(healthPortOf({ API_PORT: '8080', HEALTH_PORT: '81' }), 81)
  t.end()
})
