/** The metrics that every thread has: its runtime's and its own health. */
import { createMetrics, type Metrics, type Report } from '../observe/metrics.js'
import { linesDropped } from '../observe/standard-output.js'
import { watchThread } from '../observe/thread-health.js'
import type { SystemStats } from '../runtime/index.js'

export interface ThreadMeter {
  metrics: Metrics
  /** Everything that this thread counts, now; `runtime` where it has actors. */
  snapshot(runtime?: SystemStats): ReturnType<Metrics['snapshot']>
}

export function meterThread(thread: string): ThreadMeter {
  const metrics = createMetrics()
  watchThread(metrics, thread)
  let runtime: SystemStats | undefined
  metrics.onSnapshot((report) => {
    report.total('logLinesDropped', linesDropped(), { thread })
    if (runtime !== undefined) reportRuntime(report, runtime)
  })
  return {
    metrics,
    snapshot: (stats) => {
      runtime = stats
      return metrics.snapshot()
    },
  }
}

export function reportTotals(
  report: Report,
  name: Parameters<Report['total']>[0],
  label: string,
  totals: Readonly<Record<string, number>>,
): void {
  for (const [value, total] of Object.entries(totals)) report.total(name, total, { [label]: value })
}

function reportRuntime(report: Report, stats: SystemStats): void {
  report.level('actors', stats.actors)
  report.level('mailboxMessages', stats.waitingMessages)
  reportTotals(report, 'deadLetters', 'reason', stats.deadLetters)
  reportTotals(report, 'actorFailures', 'kind', stats.failures)
  report.total('linkBytes', stats.linkBytes)
  report.total('linkBatches', stats.linkFrames)
  report.level('linkHeld', stats.linkHeld)
}
