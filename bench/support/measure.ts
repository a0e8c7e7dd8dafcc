/** Numbers of a measurement: repeats, their middle and their spread. */

export interface Spread {
  median: number
  min: number
  max: number
}

/** Of measured values, one a round, in the order of the rounds. */
export interface Samples extends Spread {
  values: number[]
}

export interface Latencies {
  count: number
  p50: number
  p95: number
  p99: number
  max: number
}

/** Of at least one value, in any order. */
export function latenciesOf(values: readonly number[]): Latencies {
  const sorted = Float64Array.from(values).sort()
  const [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1].map((part) => percentile(sorted, part))
  return { count: sorted.length, p50: p50!, p95: p95!, p99: p99!, max: max! }
}

/** At least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** At least one value. */
export function samplesOf(values: readonly number[]): Samples {
  return { ...spreadOf(values), values: [...values] }
}

export function medianOf(values: readonly number[]): number {
  return spreadOf(values).median
}

/** The smallest value that at least `part` (0 to 1) of the ascending values do not exceed. */
export function percentile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)]!
}

/**
 * Run every measurement `rounds` times, in turn, so that what disturbs the machine for a while disturbs all of
 * them; every other round the other way round, so that none always follows the same one.
 */
export async function interleave<K extends string, T>(
  rounds: number,
  measurements: Record<K, () => Promise<T>>,
): Promise<Record<K, T[]>> {
  const names = Object.keys(measurements) as K[]
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<K, T[]>
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : [...names].reverse()
    for (const name of order) results[name].push(await measurements[name]())
  }
  return results
}

/** CPU seconds of this process, all its threads, user and system, from now until what is returned is called. */
export function startCpu(): () => number {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1e6
  }
}

/** How long `work` takes, and the CPU of this process meanwhile. */
export async function withCpu<T>(
  work: () => Promise<T>,
): Promise<{ result: T; seconds: number; cpuSeconds: number }> {
  const startMs = performance.now()
  const cpuSeconds = startCpu()
  const result = await work()
  return { result, cpuSeconds: cpuSeconds(), seconds: (performance.now() - startMs) / 1_000 }
}

/** For counts: a benchmark whose work is not what it should be has no figures. */
export function mustBe(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${actual}, expected ${expected}`)
}
