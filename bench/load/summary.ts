/** What an operator reads: a line a second while it runs, and a table at the end. */
import { type LoadCounts, type Percentiles, percentilesOf, type Refusal } from './counts.js'
import type { LoadResult, ProcessCpu, Progress } from './run.js'

/** The summary as data, for `--json`. Times in ms, CPU as parts of a core. */
export interface Summary {
  seconds: number
  connections: { asked: number; connected: number; gaveUp: number }
  /** `firstSeconds`: until all were let in, or refused for good; undefined = that never was. */
  logins: { first: number; later: number; firstSeconds: number | undefined }
  watches: { requests: number; answered: number; online: number }
  pushes: { count: number; perSecond: number; bytes: number }
  churn: { logouts: number; breaks: number }
  kicks: number
  latency: { login: Percentiles; subscription: Percentiles; change: Percentiles }
  refusals: Record<string, Refusal>
  disconnects: Record<string, number>
  generator: ProcessCpu[]
}

export function summaryOf(result: LoadResult, asked: number): Summary {
  const { counts, seconds, cpu } = result
  return {
    seconds,
    connections: { asked, connected: counts.connected, gaveUp: counts.gaveUp },
    logins: {
      first: counts.firstLogins,
      later: counts.laterLogins,
      firstSeconds: counts.triedAfterMs === 0 ? undefined : counts.triedAfterMs / 1_000,
    },
    watches: {
      requests: counts.watchRequests,
      answered: counts.watchesAnswered,
      online: counts.watchedOnline,
    },
    pushes: { count: counts.pushes, perSecond: counts.pushes / seconds, bytes: counts.bytes },
    churn: { logouts: counts.cleanLogouts, breaks: counts.breaks },
    kicks: counts.kicks,
    latency: {
      login: percentilesOf(counts.login),
      subscription: percentilesOf(counts.subscription),
      change: percentilesOf(counts.change),
    },
    refusals: counts.refusals,
    disconnects: counts.disconnects,
    generator: cpu,
  }
}

export function summaryText(summary: Summary): string {
  const { connections, logins, watches, pushes, churn, latency, generator } = summary
  const { firstSeconds } = logins
  const lines = [
    row('time', `${summary.seconds.toFixed(1)} s`),
    row('connections', `${whole(connections.connected)} of ${whole(connections.asked)}${others(summary)}`),
    row(
      'logins',
      `${whole(logins.first)} first${firstSeconds === undefined ? '' : ` in ${firstSeconds.toFixed(1)} s`}; ${whole(logins.later)} later`,
    ),
    row(
      'watches',
      `${whole(watches.answered)} users in ${whole(watches.requests)} requests, ${whole(watches.online)} online then`,
    ),
    row(
      'churn',
      `${whole(churn.logouts)} logged out, ${whole(churn.breaks)} broke off, ${whole(logins.later)} came back`,
    ),
    row(
      'pushes',
      `${whole(pushes.count)}, ${whole(pushes.perSecond)} /s, ${(pushes.bytes / 1024 / 1024).toFixed(1)} MiB`,
    ),
    '',
    row('', '  count      p50      p95      p99      max  ms'),
    times('login', latency.login),
    times('subscription', latency.subscription),
    times('change', latency.change),
    '',
    ...problems('refused', refusalsOf(summary.refusals)),
    ...problems('disconnected', Object.entries(summary.disconnects)),
    ...generator.map((cpu, n) => row(n === 0 ? 'generator' : '', cpuText(cpu, n, generator.length))),
  ]
  const busy = Math.max(...generator.map(({ busySeconds }) => busySeconds))
  if (busy > 0) {
    lines.push(
      '',
      `The generator itself was at its limit for ${busy} s: times are its own then. Give it more --processes, or a ` +
        'machine of its own.',
    )
  }
  return `${lines.join('\n')}\n`
}

export function progressText({ phase, seconds, tokens, counts }: Progress, last: LoadCounts): string {
  if (phase === 'tokens') return `${time(seconds)}  ${whole(tokens)} tokens`
  const logins = loginsOf(counts) - loginsOf(last)
  const errors = errorsOf(counts)
  return (
    `${time(seconds)}  ${whole(counts.connected)} connected  ${whole(logins)} logins/s  ` +
    `${whole(counts.pushes - last.pushes)} pushes/s  ${whole(errors)} errors`
  )
}

function loginsOf(counts: LoadCounts): number {
  return counts.firstLogins + counts.laterLogins
}

/** Everything that an untroubled run has none of. */
function errorsOf({ refusals, disconnects, kicks }: LoadCounts): number {
  const refused = Object.values(refusals).reduce((sum, { count }) => sum + count, 0)
  return Object.values(disconnects).reduce((sum, count) => sum + count, refused) + kicks
}

function row(name: string, text: string): string {
  return `  ${name.padEnd(14)}${text}`.trimEnd()
}

function times(name: string, { count, p50Ms, p95Ms, p99Ms, maxMs }: Percentiles): string {
  const cells = count === 0 ? ['-', '-', '-', '-'] : [p50Ms, p95Ms, p99Ms, maxMs].map(ms)
  return row(name, [whole(count).padStart(7), ...cells.map((cell) => cell.padStart(8))].join(' '))
}

function refusalsOf(refusals: Record<string, Refusal>): [string, number][] {
  return Object.entries(refusals).map(([code, { count, told }]) => [`${code} ${told}`.trim(), count])
}

function problems(title: string, found: [string, number][]): string[] {
  return found.map(([name, count], n) => row(n === 0 ? title : '', `${whole(count)} x ${name}`))
}

function cpuText({ mean, peak }: ProcessCpu, n: number, of: number): string {
  return `${of > 1 ? `process ${n + 1}: ` : ''}${percent(mean)} of a core, at most ${percent(peak)} in a second`
}

function others({ connections, kicks }: Summary): string {
  const { asked, connected, gaveUp } = connections
  const away = asked - connected - gaveUp
  const parts = [
    away > 0 ? `${whole(away)} were away` : '',
    gaveUp > 0 ? `${whole(gaveUp)} gave up` : '',
    kicks > 0 ? `${whole(kicks)} of them kicked` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? '' : `; ${parts.join(', ')}`
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function ms(value: number): string {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)
}

function time(seconds: number): string {
  return `${Math.floor(seconds).toString().padStart(4)} s`
}
