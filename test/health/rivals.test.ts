/** Two sync threads, two processes, one NODE_ID, one store, on a virtual clock. */
import t from 'tap'
import { newSyncCounts } from '../../actors/sync/counts.js'
import { startSync } from '../../actors/sync/start-sync.js'
import { newHealth } from '../../actors/sync/store-health.js'
import { Addresses } from '../../src/protocol/addresses.js'
import { World } from '../../src/runtime/testkit/world.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { nodeSettings } from '../store/suite.js'
import { pass } from '../world/time.js'

const LEASE_MS = 10_000

class Place {
  readonly world = new World({ seed: 1 })
  readonly backend = new MemoryBackend(() => 1_000_000 + this.world.nowMs)
  #threads = 0

  /** A process with the name that all of them have. */
  start() {
    const settings = { ...nodeSettings(), nodeId: 'gw-0', nodeLeaseMs: LEASE_MS, offlineGraceMs: 5_000 }
    const thread = this.#threads++
    const health = newHealth()
    let opened = 0
    let store: MemoryStore | undefined
    const system = this.world.system(thread)
    startSync(system, {
      createStore: () => {
        store = new MemoryStore(this.backend, settings)
        const { open } = store
        store.open = (events) => {
          opened++
          return open.call(store, events)
        }
        return store
      },
      addresses: new Addresses({ io: [thread], shard: [thread], sync: thread, presenceShards: 1 }),
      nodeLeaseMs: LEASE_MS,
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
    return {
      health,
      epochs: () => opened,
      end: async (leaves: boolean) => {
        system.close()
        await store!.close(leaves)
      },
    }
  }
}

for (const [how, leaves] of [
  ['leaves', true],
  ['dies', false],
] as const) {
  t.test(
    `the earlier stands aside, the later serves; when that one ${how} the earlier is back`,
    async (t) => {
      const place = new Place()
      const first = place.start()
      await pass(place.world, 60_000)
      t.ok(first.health.isUp)
      const second = place.start()
      await pass(place.world, 30_000)
      t.match(first.health.nodeId?.reason, /another process has the NODE_ID gw-0/)
      t.ok(second.health.isUp)
      const epochs = [first.epochs(), second.epochs()]
      await pass(place.world, 600_000)
      t.same([first.epochs(), second.epochs()], epochs, 'no epoch is taken any more')
      await second.end(leaves)
      await pass(place.world, 30_000)
      t.ok(first.health.isUp)
      t.equal(first.health.nodeId, undefined)
    },
  )
}

t.test('a start that fails right after it took the name sends nobody away', async (t) => {
  const place = new Place()
  const first = place.start()
  await pass(place.world, 60_000)
  const failed = place.start()
  await pass(place.world, 100)
  await failed.end(false)
  await pass(place.world, 60_000)
  t.equal(first.health.nodeId, undefined)
  t.ok(first.health.isUp)
})

t.test('of three with one name the last serves', async (t) => {
  const place = new Place()
  const all = [place.start()]
  for (let n = 0; n < 2; n++) {
    await pass(place.world, 7_000)
    all.push(place.start())
  }
  await pass(place.world, 120_000)
  t.same(
    all.map(({ health }) => health.isUp),
    [false, false, true],
  )
})
