/** The sync role: the sync actors and their store. */
import { setTimeout as pause } from 'node:timers/promises'
import { newSyncCounts } from '../../../actors/sync/counts.js'
import { startSync } from '../../../actors/sync/start-sync.js'
import { newHealth } from '../../../actors/sync/store-health.js'
import { pick } from '../../config/pick.js'
import type { ReadyPart } from '../../health/readiness.js'
import { storeParts } from '../../health/store-parts.js'
import { Addresses } from '../../protocol/addresses.js'
import type { Log } from '../../runtime/index.js'
import { MemoryBackend } from '../../store/memory/memory-backend.js'
import { MemoryStore } from '../../store/memory/memory-store.js'
import { openTokenFile } from '../../store/memory/token-file.js'
import type { Store } from '../../store/ports/store.js'
import { RedisStore } from '../../store/redis/redis-store.js'
import { redisOptions } from '../redis-options.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'
import { platformTable, rightsOf, type ThreadSettings } from '../settings.js'

/** A store that takes longer than this at the start is waited for by `/readyz`, not by the other threads. */
const OPEN_WAIT_MS = 3_000
const OPEN_LOOK_MS = 10

export const prepare: PrepareRole = async () => open

function open({ system, settings, log, meter }: ThreadContext): RoleInstance {
  const { config } = settings
  const health = newHealth()
  const counts = newSyncCounts((seconds) => meter.metrics.all.assertFlushSeconds.observe(seconds))
  meter.metrics.onSnapshot((report) => {
    report.total('changesMissed', counts.changesMissed)
    report.total('nodesLost', counts.nodesLost)
    report.total('usersSwept', counts.usersSwept)
    report.total('storeDiscards', counts.storeDiscards)
    report.total('tokenLookups', counts.tokenLookups)
    report.total('uncheckedLogins', counts.uncheckedLogins)
    report.total('messagesRetold', counts.messagesRetold)
    report.total('messagesUnreached', counts.messagesUnreached)
    report.level('storeUp', health.isUp ? 1 : 0)
    const sinceMs = (health.store ?? health.nodeId)?.sinceMs
    report.level('storeDownSeconds', sinceMs === undefined ? 0 : (performance.now() - sinceMs) / 1_000)
    report.level('channelUp', health.channel === undefined && health.isUp ? 1 : 0)
  })
  const stores = storesOf(settings, log)
  let store: Store | undefined
  const gauges = startSync(system, {
    createStore: () => {
      store = stores.create()
      return store
    },
    addresses: new Addresses(settings.topology),
    nodeLeaseMs: config.nodeLeaseMs,
    watchTtlS: config.watchTtlS,
    tokens: {
      ...pick(config, 'tokenCacheS', 'tokenCacheMax', 'openimCompat', 'authWhenStoreDown'),
      needsRecord: rightsOf(config).needsRecord,
    },
    health,
    counts,
    onUnsuitable: (error) => log.error({ reason: error.message }, 'the store cannot serve'),
  })
  return {
    ready: async () => {
      const deadlineMs = Date.now() + OPEN_WAIT_MS
      while (!health.isUp && health.unsuitable === undefined && Date.now() < deadlineMs) {
        await pause(OPEN_LOOK_MS)
      }
      if (health.unsuitable !== undefined) throw health.unsuitable
    },
    stop: async () => {
      // Other nodes show the users that are still held here through the grace, and sweep.
      await store?.close(gauges.held() === 0)
      await stores.close()
    },
    parts: () => [
      ...storeParts(
        health,
        { ms: performance.now(), wallMs: Date.now() },
        config.authWhenStoreDown === 'allow',
      ),
      ...stores.parts(),
    ],
  }
}

interface Stores {
  create(): Store
  /** What they lack, beside what the store says itself. */
  parts(): ReadyPart[]
  /** What the stores of this thread shared. */
  close(): Promise<void>
}

/** The store that the settings ask for. The embedded one keeps its records over a restart of cluster-sync. */
function storesOf({ config, processId }: ThreadSettings, log: Log): Stores {
  const platforms = platformTable(config)
  const { nodeId, presenceTtlS, watchTtlS, nodeLeaseMs, offlineGraceMs, openimCompat } = config
  const node = { nodeId, processId, presenceTtlS, watchTtlS, nodeLeaseMs, offlineGraceMs }
  if (!config.usesRedis) {
    // Counts on whatever is done to the machine's clock, and stands while the machine sleeps, as connections do.
    const steadyMs = () => performance.timeOrigin + performance.now()
    const backend = new MemoryBackend(steadyMs, () => openTokenFile(config.dataDir), Date.now)
    return {
      create: () => new MemoryStore(backend, node),
      parts: () => {
        const missing = backend.diskFault
        return missing === undefined ? [] : [{ name: 'tokens', ready: false, missing }]
      },
      close: () => backend.close(),
    }
  }
  return {
    create: () =>
      new RedisStore({
        ...redisOptions(config),
        ...node,
        openimCompat,
        platforms,
        log: (level, message, fields) => log[level](fields ?? {}, message),
      }),
    parts: () => [],
    close: async () => {},
  }
}
