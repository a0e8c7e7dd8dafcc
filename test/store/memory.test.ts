import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { PlatformId, TokenState, UserId } from '../../src/rules/types.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { StoredTokens, TokenJournal } from '../../src/store/memory/token-records.js'
import { REFILL_S } from '../../src/store/shared/record-lives.js'
import { until } from '../support/redis.js'
import { assertOne, conformance, Heard, holds, nodeSettings, RENEWAL } from './suite.js'

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

t.test('memory grows with the users online, not with all that ever were', async (t) => {
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

/** A store whose lives are measured by one clock, and whose journal is dated by another. */
async function onTwoClocks() {
  const clocks = { steadyMs: 1_700_000_000_000, wallMs: 1_700_000_000_000 }
  const stored = new Map<string, StoredTokens>()
  const journal: TokenJournal = {
    load: () => structuredClone([...stored]),
    put: async (key, record) => {
      if (record === undefined) stored.delete(key)
      else stored.set(key, structuredClone(record))
    },
    close: async () => {},
  }
  const open = async () => {
    const backend = new MemoryBackend(
      () => clocks.steadyMs,
      () => journal,
      () => clocks.wallMs,
    )
    const store = new MemoryStore(backend, { ...nodeSettings(), presenceTtlS: 60, watchTtlS: 60 })
    const heard = new Heard()
    const { holder } = await store.open(heard)
    return { store, heard, holder }
  }
  return { clocks, stored, open }
}

t.test('nobody is forgotten because the clock of the machine was set, or it slept', async (t) => {
  const HOUR_S = 3_600
  const leaps = { '12 h ahead': 12, 'a day ahead': 24, 'a day back': -24, 'to 1970': -1_700_000_000 / HOUR_S }
  for (const [name, hours] of Object.entries(leaps)) {
    const { clocks, open } = await onTwoClocks()
    const { store, heard, holder } = await open()
    await assertOne(store, holds('ann', [1]))
    await store.watch(['bob'])
    await store.rememberToken('ann', 1, 'token', HOUR_S)
    await store.rememberRefresh('ann', 1, 'refresh', HOUR_S)
    t.equal(await store.tokenState('ann', 1, 'token'), 'normal')
    clocks.wallMs += hours * HOUR_S * 1_000
    t.match(await store.read(['ann']), [{ claims: [{ platformId: Platform.IOS, holder }] }], name)
    t.equal((await store.renewLease({ ...RENEWAL })).isHeld, true)
    t.equal(await store.tokenState('ann', 1, 'token'), 'normal')
    await store.kickTokens('ann', 1, ['token'], 7, HOUR_S)
    await until('the node that relies on it hears of the kick', () => heard.notes.length)
    t.equal(await store.tokenState('ann', 1, 'token'), 'kicked')
    clocks.wallMs -= hours * HOUR_S * 1_000
    t.match(
      await store.read(['ann']),
      [{ claims: [{ platformId: Platform.IOS, holder }] }],
      'nor when it is set right',
    )
    t.equal(await store.takeRefresh('ann', 1, 'refresh'), true)
    clocks.steadyMs += 61_000
    t.match(await store.read(['ann']), [{ claims: [] }], 'records live as long as they should')
  }
})

t.test(
  'what outlives the process is dated by the clock of the day, whatever that was set to meanwhile',
  async (t) => {
    const { clocks, stored, open } = await onTwoClocks()
    // The machine has slept for half a day, which the steady clock has not seen.
    clocks.wallMs += 12 * 3_600_000
    const first = await open()
    await first.store.rememberToken('ann', 1, 'token', 3_600)
    await first.store.rememberRefresh('ann', 1, 'refresh', 7_200)
    await first.store.kickTokens('ann', 1, ['bad'], 7, 3_600)
    const wallS = clocks.wallMs / 1_000
    t.match(stored.get('ann:1'), {
      endsS: wallS + 3_600,
      kicks: [[String, 7, wallS + 3_600, 'unknown']],
      refreshes: [['refresh', wallS + 7_200]],
    })
    // Another process begins with both clocks alike.
    clocks.wallMs += 3_000_000
    clocks.steadyMs = clocks.wallMs
    const second = await open()
    t.equal(await second.store.tokenState('ann', 1, 'token'), 'normal')
    t.equal(await second.store.tokenState('ann', 1, 'bad'), 'kicked')
    clocks.steadyMs += 700_000
    t.equal(await second.store.tokenState('ann', 1, 'token'), 'unknown')
    t.equal(await second.store.takeRefresh('ann', 1, 'refresh'), true)
  },
)
