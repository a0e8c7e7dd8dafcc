/** What a load process counts. Plain data, so that it can cross to the parent and be added up there. */

/** Neighbouring bounds of a histogram differ by 2 %, so that a percentile is known to within 1 %. */
const STEP = Math.log(1.02)
/** Shorter times than this fall into the first bucket, ms. */
const SHORTEST_MS = 0.01
const BUCKETS = 1_000

/** Times in buckets of growing width: of fixed size however long the run is. */
export interface Latencies {
  count: number
  maxMs: number
  /** How many times fell into each bucket. */
  buckets: Uint32Array
}

export interface Percentiles {
  count: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  maxMs: number
}

export interface Refusal {
  count: number
  /** What the last one was told. */
  told: string
}

export interface LoadCounts {
  /** Clients that are logged in now; who leaves is not any more. */
  connected: number
  /** Clients that were let in, or refused for good, at least once. */
  tried: number
  /** From the first login to when all were tried, the slowest process; 0 = not yet. */
  triedAfterMs: number
  firstLogins: number
  /** Logins after churn, or after a disconnect. */
  laterLogins: number
  /** Clients that were told something that no repetition mends, such as 1501; or kicked. */
  gaveUp: number
  watchRequests: number
  /** Users whose status came in the answer to a subscription; `watchedOnline` of them were online. */
  watchesAnswered: number
  watchedOnline: number
  pushes: number
  /** Payloads of all frames that carry data. */
  bytes: number
  /** Of churn. */
  cleanLogouts: number
  breaks: number
  kicks: number
  /** By error code, or by the name of what went wrong. */
  refusals: Record<string, Refusal>
  /** By reason; those that this side wanted are not among them. */
  disconnects: Record<string, number>
  login: Latencies
  subscription: Latencies
  /** From the verdict of a login to the push at a watcher. */
  change: Latencies
}

export function emptyCounts(): LoadCounts {
  return {
    connected: 0,
    tried: 0,
    triedAfterMs: 0,
    firstLogins: 0,
    laterLogins: 0,
    gaveUp: 0,
    watchRequests: 0,
    watchesAnswered: 0,
    watchedOnline: 0,
    pushes: 0,
    bytes: 0,
    cleanLogouts: 0,
    breaks: 0,
    kicks: 0,
    refusals: {},
    disconnects: {},
    login: emptyLatencies(),
    subscription: emptyLatencies(),
    change: emptyLatencies(),
  }
}

export function emptyLatencies(): Latencies {
  return { count: 0, maxMs: 0, buckets: new Uint32Array(BUCKETS) }
}

export function record(latencies: Latencies, ms: number): void {
  const bucket = Math.ceil(Math.log(Math.max(ms, SHORTEST_MS) / SHORTEST_MS) / STEP)
  latencies.count++
  latencies.maxMs = Math.max(latencies.maxMs, ms)
  latencies.buckets[Math.min(bucket, BUCKETS - 1)]!++
}

/** All zero when nothing was recorded. */
export function percentilesOf({ count, maxMs, buckets }: Latencies): Percentiles {
  const at = (part: number) => {
    let left = Math.ceil(count * part)
    const bucket = buckets.findIndex((n) => {
      left -= n
      return n > 0 && left <= 0
    })
    // The middle of the bucket, by ratio.
    return bucket < 0 ? 0 : Math.min(maxMs, SHORTEST_MS * Math.exp((bucket - 0.5) * STEP))
  }
  return { count, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs }
}

export function refuse(counts: LoadCounts, code: string, told: string): void {
  counts.refusals[code] = { count: (counts.refusals[code]?.count ?? 0) + 1, told }
}

/** The sum of several processes. */
export function sumOf(parts: readonly LoadCounts[]): LoadCounts {
  const sum = emptyCounts()
  for (const part of parts) add(sum, part)
  return sum
}

function add(sum: LoadCounts, part: LoadCounts): void {
  const triedAfterMs = Math.max(sum.triedAfterMs, part.triedAfterMs)
  for (const [name, value] of Object.entries(part)) {
    if (typeof value === 'number') (sum as unknown as Record<string, number>)[name]! += value
  }
  sum.triedAfterMs = triedAfterMs
  for (const [code, { count, told }] of Object.entries(part.refusals)) {
    sum.refusals[code] = { count: (sum.refusals[code]?.count ?? 0) + count, told }
  }
  for (const [reason, count] of Object.entries(part.disconnects)) {
    sum.disconnects[reason] = (sum.disconnects[reason] ?? 0) + count
  }
  for (const name of ['login', 'subscription', 'change'] as const) {
    sum[name].count += part[name].count
    sum[name].maxMs = Math.max(sum[name].maxMs, part[name].maxMs)
    for (const [bucket, n] of part[name].buckets.entries()) sum[name].buckets[bucket]! += n
  }
}
