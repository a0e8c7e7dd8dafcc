/** An attempt to open the store that neither worked nor failed was waited for, without a word, for ever. */
import t from 'tap'
import { newSyncCounts } from '../../actors/sync/counts.js'
import { startSync } from '../../actors/sync/start-sync.js'
import { newHealth } from '../../actors/sync/store-health.js'
import { Addresses } from '../../src/protocol/addresses.js'
import type { Log } from '../../src/runtime/index.js'
import { World } from '../../src/runtime/testkit/world.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Incarnation, LeaseRenewal } from '../../src/store/ports/node-registry.js'
import type { StoreEvents } from '../../src/store/ports/store.js'
import { nodeSettings } from '../store/suite.js'
import { pass } from '../world/time.js'

/** Neither opens nor fails, nor renews, while it hangs. */
class HangingStore extends MemoryStore {
  static hangs = true

  override async open(events: StoreEvents): Promise<Incarnation> {
    if (HangingStore.hangs) await new Promise(() => {})
    return super.open(events)
  }

  override async renewLease(renewal: LeaseRenewal) {
    if (HangingStore.hangs) await new Promise(() => {})
    return super.renewLease(renewal)
  }
}

t.test('what has no answer is given up, told, and tried again', async (t) => {
  const warnings: string[] = []
  const log: Log = {
    info: () => {},
    warn: (fields: object, text?: string) => void warnings.push(`${text} ${JSON.stringify(fields)}`),
    error: () => {},
  } as unknown as Log
  const world = new World({ seed: 1, log })
  const backend = new MemoryBackend(() => world.nowMs)
  const system = world.system(0)
  const health = newHealth()
  let stores = 0
  startSync(system, {
    createStore: () => {
      stores++
      return new HangingStore(backend, nodeSettings())
    },
    addresses: new Addresses({ io: [0], shard: [0], sync: 0, presenceShards: 1 }),
    nodeLeaseMs: 10_000,
    watchTtlS: 1_800,
    tokens: {
      tokenCacheS: 60,
      tokenCacheMax: 1_000,
      authWhenStoreDown: 'deny',
      openimCompat: false,
      needsRecord: () => true,
    },
    health,
    counts: newSyncCounts(),
    onUnsuitable: () => {},
  })
  await pass(world, 14_000)
  t.equal(health.store?.reason, 'not reached yet')
  await pass(world, 2_000)
  t.match(health.store?.reason, /^waited 15 s in vain for the token file$/)
  t.ok(warnings.some((line) => /store not reachable yet.*waited 15 s/.test(line)))
  await pass(world, 20_000)
  t.ok(stores >= 3, 'each attempt has a store of its own')
  HangingStore.hangs = false
  await pass(world, 20_000)
  t.ok(health.isUp)

  HangingStore.hangs = true
  await pass(world, 14_000)
  t.match(health.store?.reason, /a renewal of the lease has no answer/)
  t.notOk(health.isUp)
  HangingStore.hangs = false
  await pass(world, 6_000)
  t.ok(health.isUp)
})
