/** The embedded store in the differential test. */
import { MemoryBackend } from '../../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../../src/store/memory/memory-store.js'
import { callsOf, SLOTS, START_S, type World } from './world.js'

export function embeddedWorld(): World {
  let nowS = START_S
  let backend: MemoryBackend
  let stores: MemoryStore[]
  return {
    async reset() {
      nowS = START_S
      backend = new MemoryBackend(() => nowS * 1_000)
      stores = SLOTS.map((slot) => new MemoryStore(backend, slot))
    },
    async pass(seconds) {
      nowS += seconds
    },
    open: (slot, events) => stores[slot]!.open(events),
    leave: (slot) => stores[slot]!.close(true),
    store: (slot) => callsOf(stores[slot]!),
    // What is told is told in a microtask.
    settle: () => new Promise(setImmediate),
    setToken: (userId, platformId, token, state, ttlS) =>
      backend.tokens.set(userId, platformId, token, state, ttlS),
    async stop() {},
  }
}
