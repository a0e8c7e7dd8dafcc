/** The api role: REST, and health for those who reach only its port. It owns nothing that cannot be rebuilt. */
import { randomBytes } from 'node:crypto'
import { canonicalToken } from '../../auth/canonical-token.js'
import type { TokenKeys } from '../../auth/keys.js'
import { issueToken, verifyToken } from '../../auth/tokens.js'
import { pick } from '../../config/pick.js'
import { type HttpServer, serveHttp } from '../../doors/rest/http-server.js'
import { createRest } from '../../doors/rest/rest.js'
import { limitKeyOf } from '../../net/address.js'
import { Networks } from '../../net/networks.js'
import { originCheck } from '../../net/origin.js'
import type { TlsFiles } from '../../net/tls-files.js'
import { boundedLog } from '../../observe/log.js'
import type { Report } from '../../observe/metrics.js'
import { Addresses } from '../../protocol/addresses.js'
import type * as MessageWriter from '../../protocol/message-writer.js'
import type { Call } from '../../protocol/operations.js'
import type * as PresenceShard from '../../protocol/presence-shard.js'
import type * as PresenceSync from '../../protocol/presence-sync.js'
import type { Policy } from '../../rules/logins/login-policy.js'
import type { KickOrder } from '../../rules/shard/admin-kicks.js'
import type { UserId, UserPlatforms } from '../../rules/types.js'
import { withDeadline, wrapControl } from '../../runtime/control.js'
import { type ActorSystem, toWire } from '../../runtime/index.js'
import { ConnectionService, type KickResult } from '../../services/connections.js'
import { Operations, type StoragePort } from '../../services/operations/client.js'
import { Registration } from '../../services/people/registration.js'
import { RateTable } from '../../services/rate-table.js'
import { SecretGuard } from '../../services/secret-guard.js'
import { StatusService } from '../../services/statuses.js'
import { type NewToken, TokenService } from '../../services/token-service.js'
import { auditTrail } from '../audit-trail.js'
import { renewTls, tlsFilesOf } from '../files/tls.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'
import { platformTable, type Rights, rightsOf, type SupervisorVerbs, tokenKeysOf } from '../settings.js'
import { reportTotals } from '../thread-meter.js'
import { tokenStore } from '../token-store.js'

/** The shard's own deadline for all nodes, and a little for the way. */
const KICK_MS = 5_000
const KICK_DEADLINE_MS = KICK_MS + 1_000
const READ_DEADLINE_MS = 5_000
/** Clients wait ten seconds. */
const STORAGE_DEADLINE_MS = 8_000
/** The main thread answers within half a second, if it turns. */
const MAIN_DEADLINE_MS = 2_000
const CLOSE_MS = 1_000
const SECOND_MS = 1_000
const REPORT_EVERY_MS = 1_000

export const prepare: PrepareRole = async (task) => {
  const keys = await tokenKeysOf(task)
  const tls = await tlsFilesOf(task.settings.config)
  return (thread) => open(thread, keys, tls)
}

function open(thread: ThreadContext, keys: TokenKeys, tls: TlsFiles | undefined): RoleInstance {
  const { system, settings, log, meter, supervisor: port } = thread
  const { config } = settings
  const { metrics } = meter
  const addresses = new Addresses(settings.topology)
  const supervisor = wrapControl<SupervisorVerbs>(port!)
  const platforms = platformTable(config)
  const rights = rightsOf(config)
  const reports = boundedLog(log, { everyMs: REPORT_EVERY_MS })
  const audit = auditTrail(log, metrics)
  // Nobody outside may know which addresses share a slot.
  const salt = randomBytes(8).toString('hex')
  const operations = new Operations(storagePort(system, addresses))
  const tokens = tokenService(thread, keys, addresses, rights, operations)
  const rateOf = (count: number) => new RateTable({ count, periodMs: SECOND_MS, salt })
  const app = createRest({
    isOriginAllowed: originCheck(config.allowedOrigins),
    tokens,
    operations,
    connections: new ConnectionService({ kick: (order) => kick(system, addresses, order) }, tokens),
    statuses: new StatusService({
      mayWatch: rights.mayWatch,
      whereabouts: (userIds) => whereabouts(system, addresses, userIds),
      rate: rateOf(config.apiStatusesPerSPerUser),
      nowMs: steadyMs,
    }),
    secrets: new SecretGuard(config.authSecret, salt),
    isAdmin: rights.isAdmin,
    platforms,
    callsOfAddress: rateOf(config.apiCallsPerSPerAddress),
    audit,
    limitKeyOf: (address) => limitKeyOf(address, config.addressPrefixV6),
    nowMs: steadyMs,
    readiness: () => withDeadline(supervisor.readiness(), MAIN_DEADLINE_MS, 'readiness'),
    liveness: () => withDeadline(supervisor.liveness(), MAIN_DEADLINE_MS, 'liveness'),
    served: (path, code, seconds) => {
      metrics.all.apiRequests.inc({ path, code })
      metrics.all.apiSeconds.observe({ path }, seconds)
    },
    report: (error, path) => reports.write('warn', path, toWire(error), 'a call failed'),
  })
  let server: HttpServer | undefined
  metrics.onSnapshot((report) => {
    if (server !== undefined) reportPlaces(report, server.places)
  })
  return {
    ready: async () => {
      const trusted = new Networks(config.trustedProxies)
      server = await serveHttp((request, env) => app.fetch(request, env), {
        host: config.host,
        port: config.apiPort,
        connectionsMax: Math.min(config.apiConnectionsMax, settings.apiConnectionsMax),
        connectionsPerAddressMax: config.apiConnectionsPerAddressMax,
        prefixV6: config.addressPrefixV6,
        report: (reason) => reports.write('warn', reason, {}, 'connections to API_PORT have no place'),
        proxies: { trusted, header: config.forwardedHeader },
        ...(tls && { tls: tls.pair }),
      })
      if (tls !== undefined) renewTls(thread, tls, server.useTls)
    },
    stop: async () => {
      reports.flush()
      audit.flush()
      tls?.close()
      await server?.close(CLOSE_MS)
    },
    parts: () => [],
  }
}

const steadyMs = () => performance.now()

function kick(system: ActorSystem, addresses: Addresses, eviction: KickOrder): Promise<KickResult> {
  const question = { kind: 'kick' as const, eviction, timeoutMs: KICK_MS }
  return system.ask<PresenceShard.Command, 'kick'>(
    addresses.shardFor(eviction.userId),
    question,
    KICK_DEADLINE_MS,
  )
}

function whereabouts(system: ActorSystem, addresses: Addresses, userIds: UserId[]): Promise<UserPlatforms[]> {
  const question = { kind: 'read' as const, userIds }
  return system.ask<PresenceSync.Command, 'read'>(addresses.presenceSync, question, READ_DEADLINE_MS)
}

function storagePort(system: ActorSystem, { storage }: Addresses): StoragePort | undefined {
  if (storage === undefined) return undefined
  return {
    ask: (room, call) => {
      const question = { kind: 'call' as const, ...call }
      return system.ask<Call, 'call'>(storage[room], question, STORAGE_DEADLINE_MS)
    },
    send: (message, operationId) => {
      const question = { kind: 'send' as const, message, operationId }
      return system.ask<MessageWriter.Command, 'send'>(storage.writer, question, STORAGE_DEADLINE_MS)
    },
  }
}

function tokenService(
  { system, settings: { config } }: ThreadContext,
  keys: TokenKeys,
  addresses: Addresses,
  { isAdmin, needsRecord }: Rights,
  operations: Operations,
): TokenService {
  const registration = new Registration(operations, config.isOpenToAll)
  return new TokenService({
    store: tokenStore(system, addresses),
    settings: {
      ...pick(
        config,
        'tokenExpireDays',
        'accessTokenExpireMin',
        'refreshTokenExpireDays',
        'adminTokenExpireMin',
        'maxTokensPerPlatform',
        'authWhenStoreDown',
      ),
      loginPolicy: Number(config.loginPolicy) as Policy,
      refuseNew: config.loginConflict === 'refuse-new',
    },
    platforms: platformTable(config),
    isAdmin,
    needsRecord,
    ...(operations.areServed && { admit: (userId) => registration.admit(userId) }),
    ...(keys.canSign && {
      issue: (token: NewToken, ttlS: number) => issueToken(token, { keys, ttlS, nowMs: Date.now() }),
    }),
    canonical: (token) => canonicalToken(token, keys.algorithm),
    verify: (token) => verifyToken(token, { keys, nowMs: Date.now() }),
    nowMs: Date.now,
  })
}

function reportPlaces(report: Report, { count, counts }: HttpServer['places']): void {
  report.level('apiConnections', count)
  reportTotals(report, 'apiConnectionsCut', 'reason', counts)
}
