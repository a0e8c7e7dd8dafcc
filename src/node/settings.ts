/** The settings that every thread of a node gets when it is hosted, and which threads are linked. */
import type { Seating } from '../../actors/shard/presence-shard.js'
import type { TokenKeys } from '../auth/keys.js'
import { recordRule } from '../auth/token-records.js'
import { adminCheck } from '../auth/tokens.js'
import type { Config } from '../config/config.js'
import type { Liveness, Readiness } from '../health/readiness.js'
import { createLog, type Log } from '../observe/log.js'
import type { MetricsSnapshot } from '../observe/metrics.js'
import { OPENIM_PLATFORMS } from '../openim/platforms.js'
import type { Topology } from '../protocol/addresses.js'
import { LoginPolicy, type Policy } from '../rules/logins/login-policy.js'
import { PlatformTable, parsePlatforms } from '../rules/platforms.js'
import { watchRule } from '../rules/presence/watch-policy.js'
import type { UserId } from '../rules/types.js'
import type { ThreadTask } from '../runtime/thread-entry.js'
import { loadConfiguredKeys } from './files/token-keys.js'

export interface ThreadSettings {
  config: Config
  topology: Topology
  /** Tells a thread that is hosted anew from a process that was started anew. */
  processId: string
  /** See `SharedConnectionCounts`. */
  connectionCounts: SharedArrayBuffer
  /** See `SocketBudget`. */
  socketBudget: SharedArrayBuffer
  /** Connections that the API port may hold. */
  apiConnectionsMax: number
  /** See `Rates`. */
  rates: SharedArrayBuffer
  /** See `SharedDatabaseClock`. */
  databaseClock: SharedArrayBuffer
}

/** What a thread tells of itself on the control plane. */
export interface ThreadStats {
  metrics: MetricsSnapshot
}

/** What the main thread answers to the api thread. */
export interface SupervisorVerbs {
  readiness(): Promise<Readiness>
  liveness(): Promise<Liveness>
}

export function platformTable(config: Config): PlatformTable {
  return new PlatformTable(OPENIM_PLATFORMS, parsePlatforms(config.platforms))
}

/** Which logins a new login removes: none where LOGIN_CONFLICT lets the old ones stay. */
export function loginPolicy(config: Config): LoginPolicy {
  return config.loginConflict === 'kick-old'
    ? configuredPolicy(config)
    : new LoginPolicy(0, platformTable(config))
}

/** The rivals and caps that a login has to fit in with; undefined = every login is accepted. */
export function seating(config: Config): Seating | undefined {
  const { loginConflict, loginPolicy, maxConnectionsPerUser, maxConnectionsPerUserPlatform } = config
  const refuses = loginConflict === 'refuse-new' && loginPolicy !== '0'
  if (!refuses && maxConnectionsPerUser === 0 && maxConnectionsPerUserPlatform === 0) return undefined
  return {
    rivals: configuredPolicy(config),
    rivalsYield: loginConflict === 'kick-old',
    perUserMax: maxConnectionsPerUser,
    perPlatformMax: maxConnectionsPerUserPlatform,
  }
}

function configuredPolicy(config: Config): LoginPolicy {
  return new LoginPolicy(Number(config.loginPolicy) as Policy, platformTable(config))
}

/** The keys of this node's tokens, read anew on each thread that needs them. */
export function tokenKeysOf(task: ThreadTask<ThreadSettings>): Promise<TokenKeys> {
  return loadConfiguredKeys(task.settings.config, (reason) =>
    threadLog(task).warn({ reason }, 'cannot reload key files'),
  )
}

/** What administrators have that others have not. */
export interface Rights {
  isAdmin(userId: UserId): boolean
  needsRecord(userId: UserId): boolean
  mayWatch(asker: UserId, userId: UserId): boolean
}

export function rightsOf(config: Config): Rights {
  const isAdmin = adminCheck(config.adminUserIds)
  const { openimCompat } = config
  return {
    isAdmin,
    needsRecord: recordRule({ areTokensMadeHere: config.authAlgorithm === 'HS256', openimCompat }, isAdmin),
    mayWatch: watchRule(config.watchPolicy, isAdmin),
  }
}

export function threadName(task: Pick<ThreadTask<unknown>, 'role' | 'index'>): string {
  return `${task.role}-${task.index}`
}

export function threadLog(task: ThreadTask<ThreadSettings>): Log {
  return createLog({ level: task.settings.config.logLevel, thread: threadName(task) })
}
