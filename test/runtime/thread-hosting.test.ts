import t from 'tap'
import type { Fault } from '../../src/runtime/control.js'
import { withDeadline } from '../../src/runtime/control.js'
import { layOut, name, ThreadHost, type ThreadInfo } from '../../src/runtime/thread-host.js'
import { eventually } from '../support/eventually.js'
import { BEATS, OPENINGS_TO_FAIL, RELEASES, type Settings, type Stats } from './hosted-role.js'
import { keptLog, type LogLine } from './support.js'

interface Stage {
  host: ThreadHost<Settings>
  threads: ThreadInfo[]
  lines: LogLine[]
  lost: string[]
  shared: Int32Array
  stats(thread: ThreadInfo): Promise<Stats>
}

interface StageOptions {
  odd?: Settings['odd']
  openingsToFail?: number
  readyDeadlineMs?: number
}

const ORDER = ['left', 'right', 'odd']
/** What the others do in time on a slow machine, and the odd one never. */
const ODD_DEADLINE_MS = 2_500
const ODD_STOP_DEADLINE_MS = 300
const STOP_DEADLINE_MS = 5_000

/** One thread of each role: left and right are linked, and so are right and odd. */
function stage(
  test: Pick<typeof t, 'teardown'>,
  { odd, openingsToFail = 0, readyDeadlineMs = 10_000 }: StageOptions = {},
): Stage {
  const entry = new URL('./hosted-role.js', import.meta.url)
  const role = (roleName: string, linkedWith: string[]) => ({
    name: roleName,
    entry,
    count: 1,
    linkedWith,
    heapMb: 64,
  })
  const roles = [role('left', ['right']), role('right', []), role('odd', ['right'])]
  const { log, lines } = keptLog()
  const lost: string[] = []
  const shared = new Int32Array(new SharedArrayBuffer(16))
  Atomics.store(shared, OPENINGS_TO_FAIL, openingsToFail)
  const host = new ThreadHost<Settings>({
    roles,
    settings: { slots: layOut(roles).map(({ slot }) => slot), odd, shared },
    log,
    readyDeadlineMs,
    onThreadLost: (thread, reason) => lost.push(`${name(thread)}: ${reason}`),
  })
  test.teardown(() => host.stop(ORDER, STOP_DEADLINE_MS))
  const stats = async (thread: ThreadInfo) => (await host.control(thread).stats()) as Stats
  return { host, threads: host.threads, lines, lost, shared, stats }
}

t.test('threads are numbered in the order of their roles', async (t) => {
  const threads = layOut([
    { name: 'io', count: 2 },
    { name: 'sync', count: 1 },
  ])
  t.same(
    threads.map((thread) => `${thread.slot} ${name(thread)}`),
    ['0 io-0', '1 io-1', '2 sync-0'],
  )
})

t.test('actors on linked threads answer each other, others cannot be reached', async (t) => {
  const { host, threads, stats } = stage(t)
  await host.start()
  const [left, right, odd] = threads as [ThreadInfo, ThreadInfo, ThreadInfo]
  t.same((await stats(left)).echoes, ['hello from 1.0', 'THREAD_LOST'])
  t.same((await stats(right)).echoes, ['hello from 0.0', 'hello from 2.0'])
  t.same((await stats(odd)).echoes, ['THREAD_LOST', 'hello from 1.0'])
  t.same((await stats(right)).signals, ['linked 0', 'linked 2'])
})

const faults: { title: string; fault: Fault; reason: RegExp }[] = [
  { title: 'throws', fault: 'throw', reason: /exit/ },
  { title: 'runs out of heap', fault: 'fillHeap', reason: /memory limit/ },
]
for (const { title, fault, reason } of faults) {
  t.test(`a thread that ${title} is hosted anew and linked anew, and its neighbours are told`, async (t) => {
    const { host, threads, lost, lines, stats } = stage(t)
    await host.start()
    const [left, right, odd] = threads as [ThreadInfo, ThreadInfo, ThreadInfo]
    host.control(right).fault(fault)
    await eventually(() => lines.find(({ message }) => message === 'thread hosted anew'))
    t.equal(lost.length, 1)
    t.match(lost[0], reason)
    t.same(host.restarts, { left: 0, right: 1, odd: 0 })
    t.match(await stats(right), { incarnation: 1, echoes: ['hello from 0.0', 'hello from 2.0'] })
    for (const neighbour of [left, odd]) {
      const { signals, echoes, incarnation } = await stats(neighbour)
      t.match(signals, ['linked 1', reason, 'linked 1'])
      t.match(signals[1], /^unlinked 1: /)
      t.equal(signals.length, 3)
      t.ok(echoes.includes('hello from 1.1'))
      t.equal(incarnation, 0)
    }
  })
}

t.test('an actor that escalates ends its thread, which is hosted anew', async (t) => {
  const { host, threads, lines, stats } = stage(t)
  await host.start()
  await withDeadline(host.control(threads[0]!).drain('left'), 500, 'drain').catch(() => {})
  await eventually(() => lines.find(({ message }) => message === 'thread hosted anew'))
  t.same(host.restarts, { left: 1, right: 0, odd: 0 })
  t.equal((await stats(threads[0]!)).incarnation, 1)
})

t.test('neighbours that die together are linked again when all are back', async (t) => {
  const { host, threads } = stage(t)
  await host.start()
  for (const thread of threads) host.control(thread).fault('throw')
  // One that is hosted while its neighbour is dying may get a dead port, and is then hosted once more.
  await eventually(async () => {
    const [answer] = await host.each((control) => control.stats(), 'right', 1_000)
    const echoes = (answer?.value as Stats | undefined)?.echoes.join() ?? ''
    return /^hello from 0\.[1-9],hello from 2\.[1-9]$/.test(echoes) ? true : undefined
  })
  t.ok(Object.values(host.restarts).every((count) => count >= 1))
})

t.test(
  'a thread that cannot open is hosted again until it can, and nothing of its attempts lives on',
  async (t) => {
    const { host, lost, lines, shared, threads, stats } = stage(t, {
      openingsToFail: 3,
      readyDeadlineMs: ODD_DEADLINE_MS,
    })
    // The start is told of the failure, and the hosting goes on meanwhile.
    await t.rejects(host.start(), { message: 'odd-0 ended before it was ready' })
    await eventually(() => lines.find(({ message }) => message === 'thread hosted anew'))
    t.equal(lost.length, 3)
    t.match(await stats(threads[2]!), { incarnation: 3, echoes: ['THREAD_LOST', 'hello from 1.0'] })
    const beats = Atomics.load(shared, BEATS)
    // Time enough for beats of an actor that should not live, and for the deadlines of threads that never got ready.
    await stats(threads[2]!)
    await new Promise((resolve) => setTimeout(resolve, ODD_DEADLINE_MS))
    t.equal(Atomics.load(shared, BEATS), beats)
    t.equal(host.restarts.odd, 3, 'the one that got ready is left alone')
  },
)

t.test('what a thread holds is released once, when it stops and when it fails', async (t) => {
  const { host, threads, shared, lines } = stage(t)
  await host.start()
  host.control(threads[0]!).fault('throw')
  await eventually(() => lines.find(({ message }) => message === 'thread hosted anew'))
  t.equal(Atomics.load(shared, RELEASES), 1)
  await host.stop(ORDER, STOP_DEADLINE_MS)
  t.equal(Atomics.load(shared, RELEASES), 4)
})

function countOpen(kinds: RegExp): number {
  return process.getActiveResourcesInfo().filter((kind) => kinds.test(kind)).length
}

/** Wait until no thread or port is left. Returns how many timers there are. */
async function quiet(): Promise<number> {
  await eventually(() => (countOpen(/MessagePort|Worker/) === 0 ? true : undefined))
  return countOpen(/Timeout/)
}

t.test('after a stop nothing is left open', async (t) => {
  const before = await quiet()
  const { host, lost } = stage(t)
  await host.start()
  await host.stop(ORDER, STOP_DEADLINE_MS)
  t.same(lost, [], 'a stop is no loss')
  t.ok((await quiet()) <= before)
})

t.test('a stop while a thread waits to be hosted anew leaves nothing behind', async (t) => {
  const before = await quiet()
  const { host, threads, lost } = stage(t, { openingsToFail: 0 })
  await host.start()
  host.control(threads[0]!).fault('throw')
  await eventually(() => (lost.length > 0 ? true : undefined))
  await host.stop(ORDER, STOP_DEADLINE_MS)
  t.ok((await quiet()) <= before)
})

t.test('a call that a thread does not answer ends at its deadline, and the others are heard', async (t) => {
  const { host, threads, lines } = stage(t, { odd: 'stats' })
  await host.start()
  const answers = await host.each((control) => control.stats(), undefined, ODD_DEADLINE_MS)
  t.same(answers.map(({ thread }) => name(thread)).sort(), ['left-0', 'right-0'])
  t.match(lines.at(-1), {
    level: 'warn',
    message: 'no answer from thread',
    fields: { thread: 'odd-0', error: { code: 'CONTROL_DEADLINE' } },
  })
  t.equal(threads.length, 3)
})

t.test('a thread that never gets ready fails the start at its deadline', async (t) => {
  const { host } = stage(t, { odd: 'ready', readyDeadlineMs: ODD_DEADLINE_MS })
  await t.rejects(host.start(), { code: 'CONTROL_DEADLINE', message: /-0 ready: no answer/ })
})

for (const odd of ['stop', 'stopFails'] as const) {
  const how = odd === 'stop' ? 'never finishes' : 'fails'
  t.test(`a stop that ${how} on one thread ends at its deadline all the same`, async (t) => {
    const before = await quiet()
    const { host, lines } = stage(t, { odd })
    await host.start()
    await host.stop(ORDER, ODD_STOP_DEADLINE_MS)
    t.ok(lines.some(({ message }) => message === 'thread did not end in time'))
    t.ok((await quiet()) <= before)
  })
}
