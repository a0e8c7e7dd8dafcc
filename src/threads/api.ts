/** The api role: REST, and health for those who reach only its port. It owns nothing that cannot be rebuilt. */
import { type HttpServer, serveHttp } from '../api/http-server.js'
import { createRest } from '../api/rest.js'
import { canonicalToken } from '../auth/canonical-token.js'
import type { TokenKeys } from '../auth/keys.js'
import { type NewToken, TokenService } from '../auth/token-service.js'
import { adminCheck, issueToken, verifyToken } from '../auth/tokens.js'
import { Networks } from '../net/networks.js'
import type { TlsFiles } from '../net/tls-files.js'
import { boundedLog } from '../observe/log.js'
import type { Policy } from '../presence/login-policy.js'
import { Addresses } from '../protocol/addresses.js'
import type * as PresenceShard from '../protocol/presence-shard.js'
import type * as Sync from '../protocol/sync.js'
import { withDeadline, wrapControl } from '../runtime/control.js'
import { toWire } from '../runtime/index.js'
import type { Home, PrepareResident, Resident } from './resident.js'
import { areTokensMadeHere, platformTable, type SupervisorVerbs, tokenKeysOf } from './settings.js'
import { renewTls, tlsFilesOf } from './tls.js'
import { tokenStore } from './token-store.js'

/** The shard's own deadline for all nodes, and a little for the way. */
const KICK_MS = 5_000
const KICK_DEADLINE_MS = KICK_MS + 1_000
const READ_DEADLINE_MS = 5_000
/** The main thread answers within half a second, if it turns. */
const MAIN_DEADLINE_MS = 2_000
const CLOSE_MS = 1_000
const REPORT_EVERY_MS = 1_000

export const prepare: PrepareResident = async (task) => {
  const keys = await tokenKeysOf(task)
  const tls = await tlsFilesOf(task.settings.config)
  return (home) => open(home, keys, tls)
}

function open(home: Home, keys: TokenKeys, tls: TlsFiles | undefined): Resident {
  const { system, settings, log, supervisor: port } = home
  const { config } = settings
  const addresses = new Addresses(settings.topology)
  const supervisor = wrapControl<SupervisorVerbs>(port!)
  const platforms = platformTable(config)
  const isAdmin = adminCheck(config.adminUserIds)
  const reports = boundedLog(log, { everyMs: REPORT_EVERY_MS })
  const kick = (eviction: PresenceShard.Kick['eviction']): Promise<PresenceShard.Kicked> =>
    system.ask(
      addresses.shardFor(eviction.userId),
      { kind: 'kick', eviction, timeoutMs: KICK_MS },
      KICK_DEADLINE_MS,
    )
  const app = createRest({
    secret: config.authSecret,
    isAdmin,
    platforms,
    tokens: new TokenService({
      store: tokenStore(system, addresses),
      settings: {
        ...config,
        loginPolicy: Number(config.loginPolicy) as Policy,
        refuseNew: config.loginConflict === 'refuse-new',
        recordsNeeded: areTokensMadeHere(config),
      },
      platforms,
      isAdmin,
      ...(keys.canSign && {
        issue: (token: NewToken, ttlS: number) => issueToken(token, { keys, ttlS, nowMs: Date.now() }),
      }),
      canonical: (token) => canonicalToken(token, keys.algorithm),
      verify: (token) => verifyToken(token, { keys, nowMs: Date.now() }),
      nowMs: Date.now,
    }),
    kick,
    // Nobody is on no platform: whoever is there is left.
    list: async (userId) => (await kick({ userId, platformIds: [] })).left,
    whereabouts: (userIds) =>
      system.ask<Sync.Command, 'read'>(addresses.sync, { kind: 'read', userIds }, READ_DEADLINE_MS),
    readiness: () => withDeadline(supervisor.readiness(), MAIN_DEADLINE_MS, 'readiness'),
    liveness: () => withDeadline(supervisor.liveness(), MAIN_DEADLINE_MS, 'liveness'),
    report: (error, path) => reports.write('warn', path, toWire(error), 'a call failed'),
  })
  let server: HttpServer | undefined
  return {
    ready: async () => {
      server = await serveHttp((request, env) => app.fetch(request, env), {
        host: config.host,
        port: config.apiPort,
        connectionsMax: settings.apiConnectionsMax,
        proxies: { trusted: new Networks(config.trustedProxies), header: config.forwardedHeader },
        ...(tls && { tls: tls.pair }),
      })
      if (tls !== undefined) renewTls(home, tls, server.useTls)
    },
    stop: async () => {
      reports.flush()
      tls?.close()
      await server?.close(CLOSE_MS)
    },
    parts: () => [],
  }
}
