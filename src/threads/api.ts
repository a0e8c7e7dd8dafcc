/** The api thread: REST, health and metrics. It owns nothing that cannot be rebuilt. */

import { type HttpServer, serveHttp } from '../api/http-server.js'
import { createRest } from '../api/rest.js'
import { adminCheck, issueToken, tokenKey, verifyToken } from '../auth/tokens.js'
import { boundedLog } from '../observe/log.js'
import { mergeSnapshots } from '../observe/metrics.js'
import { PlatformTable, parsePlatforms } from '../presence/platforms.js'
import { checkUserId } from '../presence/user-id.js'
import { Addresses } from '../protocol/addresses.js'
import { wrapControl } from '../runtime/control.js'
import { toWire } from '../runtime/index.js'
import { hostThread, type OpenThread, type ThreadApp } from '../runtime/thread-entry.js'
import { type SupervisorVerbs, type ThreadSettings, threadLog, threadName } from './settings.js'
import { meterThread } from './thread-meter.js'

const STORE_DEADLINE_MS = 5_000
const CLOSE_MS = 1_000
const REPORT_EVERY_MS = 1_000

export default hostThread<ThreadSettings>({ log: threadLog, open })

function open(thread: OpenThread<ThreadSettings>): ThreadApp {
  const { system, settings, log } = thread
  const { config } = settings
  const { sync } = new Addresses(settings.topology)
  const supervisor = wrapControl<SupervisorVerbs>(thread.supervisor!)
  const platforms = new PlatformTable(parsePlatforms(config.platforms))
  const key = tokenKey(config.authSecret)
  const reports = boundedLog(log, { everyMs: REPORT_EVERY_MS })
  const meter = meterThread(threadName(thread))
  const app = createRest({
    secret: config.authSecret,
    isAdmin: adminCheck(config.adminUserIds),
    checkUserId,
    isPlatform: (platformId) => platforms.isKnown(platformId),
    issueToken: (claims) =>
      issueToken(claims, { key, expireDays: config.tokenExpireDays, nowMs: Date.now() }),
    verifyToken: (token) => verifyToken(token, { key, nowMs: Date.now() }),
    rememberToken: async (userId, platformId, token, ttlS) => {
      await system.ask(sync, { kind: 'rememberToken', userId, platformId, token, ttlS }, STORE_DEADLINE_MS)
    },
    tokenState: (userId, platformId, token) =>
      system.ask(sync, { kind: 'checkToken', userId, platformId, token }, STORE_DEADLINE_MS),
    readiness: async () => ({ parts: (await supervisor.stats()).flatMap(({ parts }) => parts) }),
    metrics: async () => mergeSnapshots((await supervisor.stats()).map(({ metrics }) => metrics)),
    report: (error, path) => reports.write('warn', path, toWire(error), 'a call failed'),
  })
  let server: HttpServer | undefined
  return {
    ready: async () => {
      server = await serveHttp((request) => app.fetch(request), { host: config.host, port: config.apiPort })
    },
    drain: async () => {},
    stop: async () => {
      reports.flush()
      await server?.close(CLOSE_MS)
    },
    release: () => {},
    stats: async (runtime) => ({ parts: [], metrics: await meter.snapshot(runtime) }),
  }
}
