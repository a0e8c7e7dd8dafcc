import t from 'tap'
import type { PlatformId, UserId } from '../../src/presence/types.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { TokenState } from '../../src/store/presence-store.js'
import { REFILL_S } from '../../src/store/record-lives.js'
import { assertOne, conformance, Heard, holds, nodeSettings } from './suite.js'

function start() {
  let nowMs = 1_700_000_000_000
  const backend = new MemoryBackend(() => nowMs)
  return {
    records: backend,
    node: (settings: ConstructorParameters<typeof MemoryStore>[1]) => new MemoryStore(backend, settings),
    pass: (seconds: number) => {
      nowMs += seconds * 1000
    },
    endRefill: async () => {
      nowMs += REFILL_S * 1000
    },
    setToken: (userId: UserId, platformId: PlatformId, token: string, state: TokenState) =>
      backend.tokens.set(userId, platformId, token, state, 60),
    stop: async () => {},
  }
}

conformance('the embedded store', async () => start())

t.test('memory follows the living, not all who ever came', async (t) => {
  const backend = start()
  const store = backend.node({ ...nodeSettings(), presenceTtlS: 60 })
  await store.open(new Heard())
  for (let generation = 0; generation < 10; generation++) {
    for (let i = 0; i < 1000; i++) {
      await assertOne(store, holds(`user-${generation}-${i}`, [1]))
      await store.rememberToken(`user-${generation}-${i}`, 1, 'token', 60)
    }
    backend.pass(61)
  }
  t.ok(backend.records.recordCount < 6000, `${backend.records.recordCount} records are held`)
})
