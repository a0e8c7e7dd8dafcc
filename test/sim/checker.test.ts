import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { type Bounds, check, type Rule } from './checker.js'
import type { FaultRecord, HistoryEvent } from './history.js'

const BOUNDS: Bounds = { graceMs: 4_000, quickMs: 1_000, harmlessMs: 5_000 }
const END_MS = 100_000

/** Watcher 9 on node 0 watches ann from the start; her socket 1 on node 1 is open from 10 s on. */
const START: HistoryEvent[] = [
  { kind: 'knocked', atMs: 0, socket: 9, node: 0, userId: 'watcher', platformId: Platform.Web },
  { kind: 'entered', atMs: 1, socket: 9 },
  { kind: 'watched', atMs: 1, watcher: 9, userId: 'ann' },
  told(100),
  { kind: 'knocked', atMs: 10_000, socket: 1, node: 1, userId: 'ann', platformId: Platform.Android },
  { kind: 'entered', atMs: 10_050, socket: 1 },
]

function told(atMs: number, ...platformIds: number[]): HistoryEvent {
  return { kind: 'told', atMs, watcher: 9, userId: 'ann', platformIds }
}

function left(atMs: number, hasGrace: boolean) {
  return { kind: 'left' as const, atMs, socket: 1, hasGrace }
}

function learnt(atMs: number, version: number, learner = 'shard'): HistoryEvent {
  return { kind: 'learnt', atMs, learner, userId: 'ann', version }
}

function fault(name: FaultRecord['name'], fromMs: number, toMs: number, node?: number): FaultRecord {
  return { name, node, fromMs, toMs, settleMs: 2_000 }
}

function broken(events: HistoryEvent[], faults: FaultRecord[] = []): Rule[] {
  const history = { events: [...START, ...events], faults, endMs: END_MS }
  return [...new Set(check(history, BOUNDS).map(({ rule }) => rule))]
}

t.test('a history in which all is shown in time breaks no rule', async (t) => {
  t.same(broken([told(10_500, 2)]), [])
  t.same(broken([told(10_500, 2), left(20_000, false), told(20_900)]), [])
  t.same(broken([told(10_500, 2), left(20_000, true), told(24_900)]), [])
})

t.test('who has come and is not shown breaks convergence', async (t) => {
  t.same(broken([]), ['convergence'])
  t.same(broken([told(12_000, 2)]), ['convergence'], 'late')
  t.same(broken([told(12_000, 2)], [fault('dropMessage', 9_000, 11_000)]), [], 'but for a fault')
})

t.test('a view, and a record, that is wrong in the end breaks convergence', async (t) => {
  t.ok(broken([told(10_500, 2), told(99_900, 2, 3)]).includes('convergence'))
  const recorded: HistoryEvent = { kind: 'recorded', atMs: END_MS, userId: 'ann', platformIds: [] }
  t.same(broken([told(10_500, 2), recorded]), ['convergence'])
})

t.test('who has gone and is still shown is a ghost', async (t) => {
  t.same(broken([told(10_500, 2), left(20_000, false), told(22_000)]), ['no ghost'])
  t.same(broken([told(10_500, 2), left(20_000, true), told(26_000)]), ['no ghost'])
  const late = [told(10_500, 2), left(20_000, false), told(24_000)]
  t.same(broken(late, [fault('storeDown', 19_000, 22_000)]), [], 'a fault excuses it')
  t.same(broken(late, [fault('storeDown', 12_000, 14_000)]), ['no ghost'], 'not one that was over')
  t.same(broken([told(9_000, 2), told(10_500, 2)]), ['no ghost'], 'nor may anybody be shown who has not come')
})

t.test('who is there throughout and shown as gone is a false offline', async (t) => {
  t.same(broken([told(10_500, 2), told(30_000), told(30_010, 2)]), ['no false offline'])
  t.same(
    broken([told(10_500, 2), told(30_000), told(30_010, 2)], [fault('storeDown', 29_000, 31_000)]),
    ['no false offline'],
    'a store that is away is no excuse',
  )
  const cutOff = [told(10_500, 2), told(30_000), told(40_000, 2)]
  t.same(
    broken(cutOff, [fault('partition', 20_000, 39_000, 1)]),
    [],
    'that their node could not be reached is',
  )
  t.same(broken(cutOff, [fault('partition', 20_000, 39_000, 2)]), ['no false offline'], 'not another node')
})

t.test('who breaks off and is back within the grace must not appear to leave', async (t) => {
  const back: HistoryEvent[] = [
    left(20_000, true),
    { kind: 'knocked', atMs: 21_000, socket: 2, node: 2, userId: 'ann', platformId: Platform.Android },
    { kind: 'entered', atMs: 21_010, socket: 2 },
  ]
  t.same(broken([told(10_500, 2), ...back]), [])
  t.same(broken([told(10_500, 2), ...back, told(22_000), told(22_100, 2)]), ['no false offline'])
})

t.test('a connection that its node closes is a false end', async (t) => {
  t.same(broken([told(10_500, 2), { ...left(20_000, false), isPutOut: true }, told(20_900)]), [
    'no false end',
  ])
})

t.test('a version that is older than the last is a step back', async (t) => {
  t.same(broken([told(10_500, 2), learnt(11_000, 7), learnt(12_000, 8)]), [])
  t.same(broken([told(10_500, 2), learnt(11_000, 8), learnt(12_000, 7)]), ['monotone'])
  t.same(broken([told(10_500, 2), learnt(11_000, 8), learnt(12_000, 7, 'another shard')]), [])
  t.same(broken([told(10_500, 2), learnt(11_000, 8), learnt(12_000, 0)]), [], 'no record is no version')
})
