/** The sync role: the sync actor and its store. */
import { newHealth, newSyncCounts, type StoreHealth, sync } from '../../actors/sync.js'
import { Addresses, SYNC } from '../protocol/addresses.js'
import type { Log } from '../runtime/index.js'
import { MemoryBackend } from '../store/memory/memory-backend.js'
import { MemoryStore } from '../store/memory/memory-store.js'
import { openTokenFile } from '../store/memory/token-file.js'
import type { PresenceStore } from '../store/presence-store.js'
import { RedisStore } from '../store/redis/redis-store.js'
import { redisOptions } from './redis-options.js'
import type { Home, PrepareResident, Resident } from './resident.js'
import { platformTable, type ReadyPart, rightsOf, type ThreadSettings } from './settings.js'

/** A store that takes longer than this at the start is waited for by `/readyz`, not by the other threads. */
const OPEN_WAIT_MS = 3_000
const OPEN_LOOK_MS = 10

export const prepare: PrepareResident = async () => open

function open({ system, settings, log, meter }: Home): Resident {
  const { config } = settings
  const health = newHealth()
  const counts = newSyncCounts((seconds) => meter.metrics.all.assertFlushSeconds.observe(seconds))
  meter.metrics.onSnapshot((report) => {
    report.total('gaps', counts.gaps)
    report.total('nodesLost', counts.nodesLost)
    report.total('usersSwept', counts.usersSwept)
    report.total('storeDiscards', counts.storeDiscards)
    report.total('tokenLookups', counts.tokenLookups)
    report.total('uncheckedLogins', counts.uncheckedLogins)
    report.level('storeUp', health.isUp ? 1 : 0)
    report.level('storeDownSeconds', downMs(health) / 1_000)
  })
  const stores = storesOf(settings, log)
  let store: PresenceStore | undefined
  system.spawn(
    sync,
    {
      createStore: () => {
        store = stores.create()
        return store
      },
      addresses: new Addresses(settings.topology),
      nodeLeaseMs: config.nodeLeaseMs,
      watchTtlS: config.watchTtlS,
      tokens: { ...config, needsRecord: rightsOf(config).needsRecord },
      health,
      counts,
      onUnsuitable: (error) => log.error({ reason: error.message }, 'the store cannot serve'),
    },
    SYNC,
  )
  return {
    ready: async () => {
      const deadlineMs = Date.now() + OPEN_WAIT_MS
      while (!health.isUp && health.unsuitable === undefined && Date.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, OPEN_LOOK_MS))
      }
      if (health.unsuitable !== undefined) throw health.unsuitable
    },
    stop: async () => {
      // Who is still held here is for the others to show through the grace, and to sweep.
      await store?.close(health.held() === 0)
      await stores.close()
    },
    parts: () => [readyPart(health)],
  }
}

/** How long the store has been out of reach; 0 = it is not. */
function downMs({ downSinceMs }: StoreHealth): number {
  return downSinceMs === undefined ? 0 : performance.now() - downSinceMs
}

function readyPart(health: StoreHealth): ReadyPart {
  if (health.isUp) return { name: 'store', ready: true }
  const since = new Date(Date.now() - downMs(health)).toISOString()
  return {
    name: 'store',
    ready: false,
    missing: `${health.reason}; what other nodes hold is as of then`,
    since,
  }
}

interface Stores {
  create(): PresenceStore
  /** What the stores of this thread shared. */
  close(): Promise<void>
}

/** The store that the settings ask for. The embedded one keeps its records over a restart of the actor. */
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
    close: async () => {},
  }
}
