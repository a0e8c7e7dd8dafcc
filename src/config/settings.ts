/**
 * The settings table: one row an environment variable, with its type, default, range and meaning. `config.ts`
 * loads it, and the README's table is generated from it.
 */
import { OPENIM_PLATFORMS } from '../openim/platforms.js'
import { PlatformTable, parsePlatforms } from '../rules/platforms.js'
import { checkUserId } from '../rules/user-id.js'
import { redisSettings } from './redis-settings.js'
import {
  choice,
  flag,
  host,
  int,
  list,
  networks,
  origins,
  path,
  signingSecret,
  text,
} from './setting-kinds.js'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

/** Absent: worked out from what the machine has, or from other settings (`config.ts`). */
export const WORKED_OUT = -1

export const settings = {
  wsPort: int({
    env: 'WS_PORT',
    default: 10_001,
    min: 0,
    max: 65_535,
    doc: 'Port of the WebSocket gateway; 0 = any free one.',
  }),
  apiPort: int({
    env: 'API_PORT',
    default: 10_002,
    min: 0,
    max: 65_535,
    doc: 'Port of REST; `/healthz` and `/readyz` are there too. 0 = any free one.',
  }),
  host: host({ env: 'HOST', default: '127.0.0.1', doc: 'Address that both ports listen on.' }),
  healthPort: int({
    env: 'HEALTH_PORT',
    defaultDoc: 'API_PORT + 1000; any free one where that is 0',
    absent: WORKED_OUT,
    min: 0,
    max: 65_535,
    doc: 'Port of health and metrics, which no client of the others can fill; 0 = any free one.',
  }),
  healthHost: host({
    env: 'HEALTH_HOST',
    default: '127.0.0.1',
    doc: 'Address that HEALTH_PORT listens on. What it tells is for operators: not for the open internet.',
  }),
  ...redisSettings,
  authSecret: signingSecret({
    env: 'AUTH_SECRET',
    defaultDoc: 'in development mode a random one',
    doc:
      'Signs and checks tokens; the same on every node. Development mode needs no secret: HOST is a loopback ' +
      'address, no Redis is set, and NODE_ENV is not `production`.',
  }),
  adminUserIds: list({
    env: 'ADMIN_USER_IDS',
    default: 'imAdmin',
    accepts: (id) => checkUserId(id) === undefined,
    expected: 'user IDs with commas between, without `:`, `{` and `}`',
    doc: 'Users who may ask for admin tokens.',
  }),
  tokenExpireDays: int({
    env: 'TOKEN_EXPIRE_DAYS',
    default: 90,
    min: 1,
    max: 3650,
    doc: 'How long a new token is good for.',
  }),
  adminTokenExpireMin: int({
    env: 'ADMIN_TOKEN_EXPIRE_MIN',
    default: 1_440,
    min: 1,
    max: 525_600,
    doc:
      "How many minutes an administrator's token is good for. Whoever asks for one within the first hundredth of that " +
      'gets the same.',
  }),
  maxTokensPerPlatform: int({
    env: 'MAX_TOKENS_PER_PLATFORM',
    default: 30,
    min: 1,
    max: 1000,
    doc: 'Tokens of one user on one platform that stay good where the policy lets several; the oldest are kicked.',
  }),
  accessTokenExpireMin: int({
    env: 'ACCESS_TOKEN_EXPIRE_MIN',
    default: 60,
    min: 1,
    max: 1_440,
    doc: 'How many minutes a token is good for where refresh tokens are on; takes the place of TOKEN_EXPIRE_DAYS.',
  }),
  refreshTokenExpireDays: int({
    env: 'REFRESH_TOKEN_EXPIRE_DAYS',
    default: 0,
    min: 0,
    max: 3650,
    doc: 'How long a refresh token is good for; 0 = there are none.',
  }),
  authAlgorithm: choice({
    env: 'AUTH_ALGORITHM',
    default: 'HS256',
    choices: ['HS256', 'RS256', 'ES256'],
    doc: 'The one algorithm that tokens are signed with. RS256 and ES256 need AUTH_PUBLIC_KEYS.',
  }),
  authPublicKeys: path({
    env: 'AUTH_PUBLIC_KEYS',
    defaultDoc: 'none',
    doc:
      'File with the public key (PEM) or keys (JWKS, chosen by `kid`) of RS256 and ES256. Read again when it ' +
      'changes, so that keys can be rotated.',
  }),
  authPrivateKey: path({
    env: 'AUTH_PRIVATE_KEY',
    defaultDoc: 'none: tokens are made elsewhere',
    doc: 'File with the private key (PEM, or a JWK with its `kid`) that this node signs RS256 or ES256 tokens with.',
  }),
  authWhenStoreDown: choice({
    env: 'AUTH_WHEN_STORE_DOWN',
    default: 'deny',
    choices: ['deny', 'allow'],
    doc:
      'Logins while the store is out of reach. `deny`: only tokens that this node checked within TOKEN_CACHE_S. ' +
      '`allow`: every token with a good signature that is not known here to be kicked; checked when the store is back.',
  }),
  tokenCacheS: int({
    env: 'TOKEN_CACHE_S',
    default: 60,
    min: 0,
    max: 3600,
    doc:
      'How long a token that was checked is believed without asking the store. Kicks through any node end it at ' +
      "once; OpenIM's own services cannot say so: with OPENIM_COMPAT on, every login asks.",
  }),
  tokenCacheMax: int({
    env: 'TOKEN_CACHE_MAX',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    doc: 'Tokens that one thread remembers as checked.',
  }),
  loginPolicy: choice({
    env: 'LOGIN_POLICY',
    default: '1',
    choices: ['0', '1', '4', '5'],
    doc:
      "Which logins of one user conflict, by OpenIM's numbers: `0` none, `1` those on the same platform, `4` those " +
      'of the same class, `5` all but PCs.',
  }),
  loginConflict: choice({
    env: 'LOGIN_CONFLICT',
    default: 'kick-old',
    choices: ['kick-old', 'refuse-new'],
    doc: 'Who yields when a login conflicts with another: `kick-old` as OpenIM does, or `refuse-new` (error 1613).',
  }),
  maxConnectionsPerUser: int({
    env: 'MAX_CONNECTIONS_PER_USER',
    default: 0,
    min: 0,
    max: 100_000,
    doc: 'Connections of one user in the cluster, each tab of a browser too; a login above it is refused (error 1614). 0 = no cap.',
  }),
  maxConnectionsPerUserPlatform: int({
    env: 'MAX_CONNECTIONS_PER_USER_PLATFORM',
    default: 0,
    min: 0,
    max: 100_000,
    doc: 'The same for one platform of one user.',
  }),
  loginsPerMinPerUser: int({
    env: 'LOGINS_PER_MIN_PER_USER',
    default: 120,
    min: 1,
    max: 1_000_000,
    doc: 'Logins of one user on this node within a minute; above it the client is told when to retry (error 1612).',
  }),
  loginsPerMinPerAddress: int({
    env: 'LOGINS_PER_MIN_PER_ADDRESS',
    default: 60_000,
    min: 1,
    max: 10_000_000,
    doc: 'The same for handshakes from one address, good and bad.',
  }),
  nodeId: text({
    env: 'NODE_ID',
    defaultDoc: 'host name and WS_PORT',
    accepts: (id) => /^[A-Za-z0-9._-]{1,64}$/.test(id),
    expected: '1 to 64 letters, digits, `.`, `_` or `-`',
    doc: "This node's name in the store; unique in the cluster and better kept over a restart.",
  }),
  ioThreads: int({ env: 'IO_THREADS', default: 1, min: 1, max: 64, doc: 'Threads that hold the sockets.' }),
  shardThreads: int({
    env: 'SHARD_THREADS',
    defaultDoc: '`1`, with fewer than four cores `0`',
    absent: WORKED_OUT,
    min: 0,
    max: 64,
    doc: 'Threads that the presence shards share; 0 = they live on the io threads.',
  }),
  presenceShards: int({
    env: 'PRESENCE_SHARDS',
    defaultDoc: '4 for each thread that has some',
    min: 1,
    max: 4096,
    doc:
      'Slices of users on this node; each has one writer, and batches of its own: more of them make batches smaller. ' +
      'At least one for each thread.',
  }),
  batchSize: int({
    env: 'BATCH_SIZE',
    default: 100,
    min: 1,
    max: 1000,
    doc: 'Users whose change is sent to the store in one call, at most.',
  }),
  mergeIntervalMs: int({
    env: 'MERGE_INTERVAL_MS',
    default: SECOND_MS,
    min: 1,
    max: MINUTE_MS,
    doc: 'No change waits longer than this for its batch.',
  }),
  presenceTtlS: int({
    env: 'PRESENCE_TTL_S',
    defaultDoc: '`43200`, with OPENIM_COMPAT `1800`',
    min: 10,
    max: 86_400,
    doc:
      'How long a record lives in the store without renewal; renewed every third of it. What a dead node leaves ' +
      'counts no more when its lease has ended, but readers that know nothing of leases (OpenIM) see it for so long ' +
      'when no node is left to take it away.',
  }),
  watchTtlS: int({
    env: 'WATCH_TTL_S',
    default: 1800,
    min: 10,
    max: 86_400,
    doc:
      "How long a node's interest in a user lives in the store without renewal; renewed, and the user read again, " +
      'every third of it. A change whose message was lost is seen then at the latest.',
  }),
  offlineGraceMs: int({
    env: 'OFFLINE_GRACE_MS',
    default: 5 * SECOND_MS,
    min: 0,
    max: 10 * MINUTE_MS,
    doc: 'How long a user whose connection ended without a goodbye is still shown online.',
  }),
  nodeLeaseMs: int({
    env: 'NODE_LEASE_MS',
    default: 10 * SECOND_MS,
    min: 1000,
    max: 10 * MINUTE_MS,
    doc: 'How long a node counts as alive without renewing its lease; renewed every third of it.',
  }),
  maxConnections: int({
    env: 'MAX_CONNECTIONS',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    doc: 'Open connections of this node, at most.',
  }),
  maxConnectionsPerAddress: int({
    env: 'MAX_CONNECTIONS_PER_ADDRESS',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    doc: 'Open connections from one address, at most. Behind proxies set TRUSTED_PROXIES.',
  }),
  addressPrefixV6: int({
    env: 'ADDRESS_PREFIX_V6',
    default: 64,
    min: 16,
    max: 128,
    doc: 'Limits for each address count IPv6 addresses with so many first bits in common as one.',
  }),
  trustedProxies: networks({
    env: 'TRUSTED_PROXIES',
    doc:
      'Proxies that this node may be asked through, on both ports. Only what they say of the client is believed: ' +
      'X-Forwarded-For and Forwarded, read from the right, and X-Forwarded-Host.',
  }),
  forwardedHeader: choice({
    env: 'FORWARDED_HEADER',
    default: 'auto',
    choices: ['auto', 'x-forwarded-for', 'forwarded', 'none'],
    doc:
      'The header that TRUSTED_PROXIES write; others are not read. `auto`: either of the two; where both come and ' +
      'differ, the proxy itself counts as the client.',
  }),
  proxyProtocol: choice({
    env: 'PROXY_PROTOCOL',
    default: 'off',
    choices: ['off', 'v1', 'v2'],
    doc:
      'PROXY protocol on WS_PORT. TRUSTED_PROXIES then begin every connection with it; handshakes of theirs without ' +
      'it, and of anybody else with it, are refused. `v1`, and either beside TLS, needs TRANSPORT `ws`.',
  }),
  tlsCertFile: path({
    env: 'TLS_CERT_FILE',
    defaultDoc: 'none: no TLS',
    doc:
      'File with the certificate (PEM, its chain below it) for WS_PORT and API_PORT, which then speak TLS (1.2 or ' +
      'later) only. Read again when it changes; open connections stay.',
  }),
  tlsKeyFile: path({
    env: 'TLS_KEY_FILE',
    defaultDoc: 'none',
    doc: 'File with the private key of TLS_CERT_FILE (PEM, without a password).',
  }),
  handshakesPerSMax: int({
    env: 'HANDSHAKES_PER_S_MAX',
    default: 5000,
    min: 1,
    max: 1_000_000,
    doc: 'Handshakes taken up in a second on this node; the rest are told when to come back.',
  }),
  handshakeTimeoutMs: int({
    env: 'HANDSHAKE_TIMEOUT_MS',
    default: 10 * SECOND_MS,
    min: 100,
    max: 5 * MINUTE_MS,
    doc: 'A handshake that takes longer is refused.',
  }),
  messageBytesMax: int({
    env: 'MESSAGE_BYTES_MAX',
    default: 1_048_576,
    min: 1024,
    max: 134_217_728,
    doc:
      'Longest message from a client, as it comes; a longer one closes the connection with 1009. It must hold a list of ' +
      'WATCHES_PER_CONNECTION_MAX users in JSON: 88 bytes each, and 1,024.',
  }),
  inflatedBytesMax: int({
    env: 'INFLATED_BYTES_MAX',
    default: 1_048_576,
    min: 1024,
    max: 134_217_728,
    doc: 'Longest message after gunzip. At least MESSAGE_BYTES_MAX.',
  }),
  requestsPerSMax: int({
    env: 'REQUESTS_PER_S_MAX',
    default: 100,
    min: 1,
    max: 1_000_000,
    doc:
      'Requests of one connection in a second, at most (error 1610 above). A request that unpacks to more than 16 KiB, ' +
      'or lists more than 100 users, counts as more: one for each.',
  }),
  requestsPerSPerUser: int({
    env: 'REQUESTS_PER_S_PER_USER',
    default: 500,
    min: 1,
    max: 10_000_000,
    doc: 'Requests of one user in a second, counted in the same way, over all their connections to this node.',
  }),
  watchesPerConnectionMax: int({
    env: 'WATCHES_PER_CONNECTION_MAX',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    doc: 'Users that one connection may watch, and that one request may list (error 1611 above).',
  }),
  newWatchesPerMin: int({
    env: 'NEW_WATCHES_PER_MIN',
    default: 20_000,
    min: 1,
    max: 10_000_000,
    doc: 'Users that one connection may begin to watch within a minute (error 1610 above).',
  }),
  newWatchesPerMinPerUser: int({
    env: 'NEW_WATCHES_PER_MIN_PER_USER',
    default: 60_000,
    min: 1,
    max: 10_000_000,
    doc: 'The same for one user, over all their connections to this node.',
  }),
  watchesWaitingMax: int({
    env: 'WATCHES_WAITING_MAX',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    doc:
      'Users on one io thread whose first answer from the store is awaited; requests for more are told to come back ' +
      '(error 1610).',
  }),
  watchedUsersMax: int({
    env: 'WATCHED_USERS_MAX',
    defaultDoc: '512 for each MiB of THREAD_HEAP_MB, on each thread with shards',
    absent: WORKED_OUT,
    min: 1,
    max: 1_000_000_000,
    doc:
      'Different users that this node watches, with those whose watchers left within 10 s; requests for more are ' +
      'refused (error 1611). Each takes about 1 KiB of heap.',
  }),
  watchPolicy: choice({
    env: 'WATCH_POLICY',
    default: 'open',
    choices: ['open', 'admin'],
    doc:
      'Who may ask where others are, over the WebSocket port (2005) and over REST. `open`, as in OpenIM: whoever has ' +
      'a token. `admin`: only administrators; users see themselves alone, and all others as offline.',
  }),
  backpressureBytesMax: int({
    env: 'BACKPRESSURE_BYTES_MAX',
    default: 1_310_720,
    min: 16_384,
    max: 268_435_456,
    doc:
      'A client that reads so slowly that more than this waits for it is closed. It must hold the answer to a list of ' +
      'WATCHES_PER_CONNECTION_MAX users: 115 bytes each, and 1,024.',
  }),
  readTimeoutMs: int({
    env: 'READ_TIMEOUT_MS',
    default: 30 * SECOND_MS,
    min: SECOND_MS,
    max: 60 * MINUTE_MS,
    doc: 'A connection that says nothing for so long is taken for dead. Clients ping every 10 to 24 s.',
  }),
  apiConnectionsMax: int({
    env: 'API_CONNECTIONS_MAX',
    default: 2_048,
    min: 16,
    max: 1_000_000,
    doc:
      'Open connections to API_PORT, at most. When it is full, one that only waits is closed for each that comes: ' +
      'first of the address that has the most.',
  }),
  apiConnectionsPerAddressMax: int({
    env: 'API_CONNECTIONS_PER_ADDRESS_MAX',
    default: 1_024,
    min: 1,
    max: 1_000_000,
    doc: 'The same from one address; at most API_CONNECTIONS_MAX.',
  }),
  apiCallsPerSPerAddress: int({
    env: 'API_CALLS_PER_S_PER_ADDRESS',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    doc:
      'Calls of REST from one address in a second (error 1610); each ten users that are asked about count as one ' +
      "more. Calls with an administrator's token do not count.",
  }),
  apiStatusesPerSPerUser: int({
    env: 'API_STATUSES_PER_S_PER_USER',
    default: 1_000,
    min: 1_000,
    max: 10_000_000,
    doc: 'Users whose status one user may ask for over REST in a second (error 1610). Administrators: without bound.',
  }),
  allowedOrigins: origins({
    env: 'ALLOWED_ORIGINS',
    defaultDoc: 'same host, and loopback',
    doc: 'Web pages that may connect beside those. What sends no Origin header is not a browser, and passes.',
  }),
  openimCompat: flag({
    env: 'OPENIM_COMPAT',
    default: false,
    doc: "Share the Redis with OpenIM's own services: write and hear its `online_change` channel.",
  }),
  platforms: text({
    env: 'PLATFORMS',
    defaultDoc: 'none',
    accepts: arePlatforms,
    expected: '`id:Name:Class,...`, for example `12:Vision:Headset,8:APad:Mobile`',
    doc: "Platforms beside OpenIM's eleven, and those of OpenIM's that belong to another class here.",
  }),
  transport: choice({
    env: 'TRANSPORT',
    default: 'auto',
    choices: ['auto', 'uws', 'ws'],
    doc: 'WebSocket server: `uws` is native and fast, `ws` portable; `auto` takes the native one where it loads.',
  }),
  threadHeapMb: int({
    env: 'THREAD_HEAP_MB',
    default: 1024,
    min: 128,
    max: 65_536,
    doc: 'JavaScript heap of one thread, in MiB; a thread that needs more is ended and hosted anew.',
  }),
  drainRate: int({
    env: 'DRAIN_RATE',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    doc: 'Clients that a stopping node sends away in a second, so that the others can take them.',
  }),
  shutdownDelayMs: int({
    env: 'SHUTDOWN_DELAY_MS',
    default: 0,
    min: 0,
    max: 10 * MINUTE_MS,
    doc:
      'How long a stopping node says that it is not ready before it closes its listener: so long load balancers may ' +
      'still send clients. Comes before SHUTDOWN_TIMEOUT_MS.',
  }),
  shutdownTimeoutMs: int({
    env: 'SHUTDOWN_TIMEOUT_MS',
    default: 30 * SECOND_MS,
    min: 0,
    max: 60 * MINUTE_MS,
    doc:
      'How long a stop may take before what is left is cut: sending the clients away, their grace, the end. Without ' +
      'time for twice the grace they are shown offline at once.',
  }),
  dataDir: path({
    env: 'DATA_DIR',
    default: '.porchlight',
    doc: 'Directory where the embedded store and development mode keep their files.',
  }),
  logLevel: choice({
    env: 'LOG_LEVEL',
    default: 'info',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    doc: 'Least severe log lines that are written.',
  }),
}

function arePlatforms(text: string): boolean {
  try {
    new PlatformTable(OPENIM_PLATFORMS, parsePlatforms(text))
    return true
  } catch {
    return false
  }
}
