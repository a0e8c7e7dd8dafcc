/** The load generator at a small size: what it counts adds up, and what goes wrong is said in one line. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { watchedBy } from '../bench/load/choices.js'
import { emptyCounts, emptyLatencies, percentilesOf, record, refuse, sumOf } from '../bench/load/counts.js'
import { openFilesMax, readOptions } from '../bench/load/options.js'
import type { Summary } from '../bench/load/summary.js'
import { freePort } from '../src/doors/websocket/transport/port-check.js'
import { WireCode } from '../src/openim/codes.js'
import { eventually } from './support/eventually.js'
import { endsWithThisProcess, temporaryFolder } from './support/leftovers.js'
import { SECRET, TestNode } from './support/node.js'

const BLINK_MS = 1_500
const MAIN = new URL('../bench/load/main.js', import.meta.url)

interface Ended {
  code: number
  out: string
  err: string
}

function start(args: string[], secret = SECRET): { child: ChildProcess; ended: Promise<Ended> } {
  const env = { PATH: process.env.PATH, AUTH_SECRET: secret }
  const child = fork(MAIN, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env })
  endsWithThisProcess(child)
  const said = { out: '', err: '' }
  child.stdout!.on('data', (chunk) => {
    said.out += chunk
  })
  child.stderr!.on('data', (chunk) => {
    said.err += chunk
  })
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number, ...said })) }
}

const urls = (node: TestNode) => ['--url', node.wsUrl, '--api', node.apiUrl]

/** Run until `isDone`, which is asked again and again, and a blink more: what was sent then is to be counted. */
async function summaryWhen(node: TestNode, args: string[], isDone: () => Promise<boolean>): Promise<Summary> {
  const { child, ended } = start([...urls(node), '--json', '--duration', '300', ...args])
  await eventually(async () => (await isDone()) || undefined)
  await new Promise((resolve) => setTimeout(resolve, BLINK_MS))
  child.kill('SIGINT')
  const { code, out, err } = await ended
  if (code !== 0) throw new Error(`ended with ${code}: ${err}`)
  return JSON.parse(out) as Summary
}

t.test('everybody is logged in, and every watcher is told of everybody once', async (t) => {
  const node = await TestNode.start(t)
  const users = 30
  // Probes watch clients of their own process only.
  const probes = { count: 8, watches: users / 2 - 1 }
  const answered = (users - probes.count) * (users - 1) + probes.count * probes.watches
  const summary = await summaryWhen(
    node,
    ['--connections', `${users}`, '--watch', `${users - 1}`, '--processes', '2'],
    async () => (await node.metric('porchlight_subscriptions')) === answered,
  )
  t.same(summary.connections, { asked: users, connected: users, gaveUp: 0 })
  t.equal(summary.logins.first, users)
  t.equal(summary.logins.later, 0)
  t.equal(summary.watches.requests, users)
  t.equal(summary.watches.answered, answered)
  t.equal(summary.watches.online + summary.pushes.count, answered, 'online at once, or by a push')
  t.equal(summary.latency.login.count, users)
  t.equal(summary.latency.subscription.count, users)
  t.same([summary.refusals, summary.disconnects, summary.kicks], [{}, {}, 0])
})

t.test('churn is seen by watchers, and clients that left come back', async (t) => {
  const node = await TestNode.start(t)
  const summary = await summaryWhen(
    node,
    '--connections 40 --watch 10 --churn 20 --rate 1000'.split(' '),
    async () => (await node.metric('porchlight_logins_total')) >= 70,
  )
  const { churn, logins, connections, latency, watches, pushes } = summary
  t.ok(churn.logouts > 0 && churn.breaks > 0, 'both ways')
  t.ok(Math.abs(churn.logouts - churn.breaks) <= 1, 'by turns')
  t.equal(connections.gaveUp, 0)
  t.ok(logins.later > 0)
  t.equal(connections.asked - connections.connected, churn.logouts + churn.breaks - logins.later)
  t.ok(latency.change.count > 0, 'probes see those who come back')
  t.ok(pushes.count > watches.answered - watches.online, 'more than the first logins')
  t.same([summary.refusals, summary.disconnects, summary.kicks], [{}, {}, 0])
})

t.test('refusals are counted by their reason, and clients that are told when to retry obey', async (t) => {
  const node = await TestNode.start(t, { HANDSHAKES_PER_S_MAX: '3' })
  const summary = await summaryWhen(
    node,
    '--connections 12 --watch 0 --rate 1000'.split(' '),
    async () => (await node.metric('porchlight_connections')) === 12,
  )
  t.equal(summary.connections.connected, 12)
  t.ok(summary.refusals['1601']!.count > 0)
  t.match(summary.refusals['1601']!.told, /retry after \d+ s/)
})

t.test('tokens from a file need no secret; bad ones are given up, and never shown', async (t) => {
  const node = await TestNode.start(t)
  const good = await node.token('ann', 5)
  const file = join(temporaryFolder('load'), 'tokens')
  writeFileSync(file, `ann 5 ${good}\n\nbob 5 ${good}\n`)
  const args = [
    '--url',
    node.wsUrl,
    '--tokens',
    file,
    '--watch',
    '1',
    '--duration',
    '2',
    '--connections',
    '2',
  ]
  const { code, out, err } = await start(args, '').ended
  t.equal(code, 0)
  t.match(out, /connections +1 of 2; 1 gave up/)
  t.match(out, /refused +1 x 1502 /)
  t.notMatch(out + err, good)

  writeFileSync(file, `ann ${good}\n`)
  const wrong = await start(args, '').ended
  t.equal(wrong.code, 1)
  t.match(wrong.err, /line 1: expected "userID platformID token"\n$/)
  t.notMatch(wrong.err, good)
})

t.test('what ends it before it begins is one line, without the secret', async (t) => {
  const node = await TestNode.start(t)
  const port = await freePort('127.0.0.1')
  const secret = 'another secret, long enough'
  const cases: { args: string[]; says: RegExp }[] = [
    { args: urls(node), says: /^the gateway at http:\S+ does not take this secret\n$/ },
    {
      args: ['--url', `ws://127.0.0.1:${port}`, '--api', node.apiUrl],
      says: /^no gateway answers at ws:\S+ \(ECONNREFUSED\)\n$/,
    },
    {
      args: ['--url', node.wsUrl, '--api', `http://127.0.0.1:${port}`],
      says: /^no gateway answers at http:\S+\n$/,
    },
    {
      args: ['--connections', '10', '--watch', '10'],
      says: /^--watch 10: there are only 9 others to watch\n$/,
    },
    { args: ['--speed', '3'], says: /^Unknown option '--speed'; --help lists the options\n$/ },
    {
      args: ['--url', 'localhost'],
      says: /^--url localhost: expected a URL that begins with ws: or wss:\n$/,
    },
    { args: ['--rate', '1'], says: /^--duration 60: the logins alone take 1000 s at --rate 1\n$/ },
  ]
  for (const { args, says } of cases) {
    const { code, out, err } = await start(args, secret).ended
    t.equal(code, 1, args.join(' '))
    t.equal(out, '')
    t.match(err, says)
    t.notMatch(err, secret)
  }
})

t.test('Ctrl-C ends it early, with the summary', async (t) => {
  const node = await TestNode.start(t)
  const { child, ended } = start([
    ...urls(node),
    ...'--connections 5 --watch 2 --duration 100 --json'.split(' '),
  ])
  await eventually(async () => (await node.metric('porchlight_connections')) === 5 || undefined)
  await new Promise((resolve) => setTimeout(resolve, BLINK_MS))
  child.kill('SIGINT')
  const { code, out } = await ended
  t.equal(code, 0)
  t.equal((JSON.parse(out) as Summary).logins.first, 5)
})

t.test('more connections than files may be open are refused, with what to do', async (t) => {
  const files = openFilesMax()
  if (files > 900_000) return t.pass('no such limit here')
  const connections = String(files * 2)
  t.throws(() => readOptions(['--connections', connections, '--rate', '999999'], { AUTH_SECRET: SECRET }), {
    message: /open files and would need \d+; --processes 3, or a greater `ulimit -n`/,
  })
  t.end()
})

t.test('the watched users are the same for the same seed, never oneself, nobody twice', async (t) => {
  for (const [count, total] of [
    [3, 100],
    [60, 100],
    [99, 100],
    [500, 100],
    [0, 1],
  ] as const) {
    for (const self of [0, total - 1]) {
      const chosen = watchedBy(self, count, total, 7)
      t.equal(new Set(chosen).size, Math.min(count, total - 1))
      t.notOk(chosen.includes(self))
      t.ok(chosen.every((other) => other >= 0 && other < total))
      t.same(chosen, watchedBy(self, count, total, 7))
    }
  }
  t.notSame(watchedBy(0, 3, 100, 7), watchedBy(0, 3, 100, 8))
})

t.test('a histogram knows percentiles to within 2 %, and sums add everything up', async (t) => {
  const latencies = emptyLatencies()
  t.same(percentilesOf(latencies), { count: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 })
  for (let ms = 1; ms <= 1_000; ms++) record(latencies, ms)
  const { p50Ms, p95Ms, p99Ms, maxMs } = percentilesOf(latencies)
  for (const [found, exact] of [
    [p50Ms, 500],
    [p95Ms, 950],
    [p99Ms, 990],
  ] as const) {
    t.ok(Math.abs(found / exact - 1) < 0.02, `${found} for ${exact}`)
  }
  t.equal(maxMs, 1_000)

  const [a, b] = [emptyCounts(), emptyCounts()]
  a.pushes = 3
  b.pushes = 4
  a.triedAfterMs = 10
  b.triedAfterMs = 8
  refuse(a, '1612', 'later')
  refuse(b, '1612', 'later still')
  record(a.login, 5)
  record(b.login, 7)
  const sum = sumOf([a, b])
  t.equal(sum.pushes, 7)
  t.equal(sum.triedAfterMs, 10)
  t.same(sum.refusals, { [WireCode.TooManyLogins]: { count: 2, told: 'later still' } })
  t.equal(sum.login.count, 2)
  t.equal(sum.login.maxMs, 7)
})
