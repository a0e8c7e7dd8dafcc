import t from 'tap'
import { createMetrics, mergeSnapshots, metricsTable } from '../../src/observe/metrics.js'
import { watchThread } from '../../src/observe/thread-health.js'
import { RequestId } from '../../src/openim/requests.js'

/** The value of one line of the scraper's text; undefined when there is no such line. */
function readingOf(body: string, series: string): number | undefined {
  const line = body.split('\n').find((text) => text.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

t.test('what the threads counted adds up, across a copy between threads', async (t) => {
  const io0 = createMetrics()
  const io1 = createMetrics()
  io0.all.connections.set(2)
  io1.all.connections.set(3)
  io0.all.closes.inc({ reason: 'kicked' })
  io1.all.closes.inc({ reason: 'kicked' }, 4)
  io1.all.closes.inc({ reason: 'timeout' })
  io0.all.assertFlushSeconds.observe(0.002)
  io1.all.assertFlushSeconds.observe(0.2)
  const snapshots = structuredClone([await io0.snapshot(), await io1.snapshot()])
  const { contentType, body } = await mergeSnapshots(snapshots)
  t.match(contentType, /^text\/plain; version=0\.0\.4/)
  t.equal(readingOf(body, 'porchlight_connections'), 5)
  t.equal(readingOf(body, 'porchlight_closes_total{reason="kicked"}'), 5)
  t.equal(readingOf(body, 'porchlight_closes_total{reason="timeout"}'), 1)
  t.equal(readingOf(body, 'porchlight_assert_flush_seconds_count'), 2)
  t.equal(readingOf(body, 'porchlight_assert_flush_seconds_bucket{le="0.0025"}'), 1)
})

t.test('a thread that cannot tell leaves the others to be told', async (t) => {
  t.equal((await mergeSnapshots([])).body.trim(), '')
})

t.test('plain numbers are collected when a snapshot is taken, not before', async (t) => {
  const metrics = createMetrics()
  const room = { requests: 0, actors: 0 }
  metrics.onSnapshot((report) => {
    report.total('requests', room.requests, { req: RequestId.SubscribeStatus })
    report.level('actors', room.actors)
  })
  const read = async () => {
    const { body } = await mergeSnapshots([await metrics.snapshot()])
    return [readingOf(body, 'porchlight_requests_total{req="2005"}'), readingOf(body, 'porchlight_actors')]
  }
  t.same(await read(), [0, 0])
  room.requests = 7
  room.actors = 3
  t.same(await read(), [7, 3])
  t.same(await read(), [7, 3], 'a second scrape counts nothing twice')
  room.requests = 9
  room.actors = 1
  t.same(await read(), [9, 1])
  room.requests = 2
  t.same(await read(), [11, 1], 'a restarted owner counts from 0, its metric goes on')
})

t.test('many rooms may report one metric; one that stops takes its level along, not its total', async (t) => {
  const metrics = createMetrics()
  const stops = [10, 20].map((number) =>
    metrics.onSnapshot((report) => {
      report.total('assertions', number)
      report.level('onlineUsers', number)
    }),
  )
  const read = async () => {
    const { body } = await mergeSnapshots([await metrics.snapshot()])
    return [readingOf(body, 'porchlight_assertions_total'), readingOf(body, 'porchlight_online_users')]
  }
  t.same(await read(), [30, 30])
  stops[1]?.()
  t.same(await read(), [30, 10])
})

t.test('two threads of one process do not share a registry', async (t) => {
  createMetrics().all.changesMissed.inc()
  const { body } = await mergeSnapshots([await createMetrics().snapshot()])
  t.equal(readingOf(body, 'porchlight_gaps_total'), 0)
})

t.test('a thread tells how late its event loop runs and how much heap it uses', async (t) => {
  const metrics = createMetrics()
  const stop = watchThread(metrics, 'shard-0')
  t.teardown(stop)
  // The monitor measures from tick to tick: the first block ends in its first tick, the second is measured.
  for (let block = 0; block < 2; block++) {
    const until = Date.now() + 200
    while (Date.now() < until);
    await new Promise((resolve) => setTimeout(resolve))
  }
  const { body } = await mergeSnapshots([await metrics.snapshot()])
  const lag = readingOf(body, 'porchlight_event_loop_lag_seconds{thread="shard-0"}') ?? 0
  t.ok(lag > 0.1 && lag < 10, `lag ${lag}`)
  const active = readingOf(body, 'porchlight_event_loop_active_seconds_total{thread="shard-0"}') ?? 0
  t.ok(active > 0.2 && active < 10, `busy for ${active} s`)
  t.ok((readingOf(body, 'porchlight_heap_bytes{thread="shard-0"}') ?? 0) > 1_000_000)
})

t.test('the table names every metric as it is scraped', async (t) => {
  const metrics = createMetrics()
  const names = (await metrics.snapshot()).map(({ name }) => name)
  const rows = metricsTable().split('\n').slice(2)
  t.equal(rows.length, names.length)
  for (const name of names) {
    t.match(name, /^porchlight_[a-z_]+$/)
    t.ok(
      rows.some((row) => row.startsWith(`| \`${name}\` `) || row.startsWith(`| \`${name}{`)),
      name,
    )
  }
})
