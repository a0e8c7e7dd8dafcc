/** A bench as a command: the benchmarks that were asked for, one after another, and what came of them. */

import { readFileSync, writeFileSync } from 'node:fs'
import { hasCode } from '../../src/errors/errors.js'
import type { Benchmark } from './figures.js'
import { type Choice, choose, type Options, readOptions } from './options.js'
import { type Run, resultsText, withRun } from './results.js'
import { type Stamp, stampNow, stampText } from './stamp.js'
import { goalsLine, notesOf, tableOf } from './table.js'

export interface Bench {
  /** Makes its `--help` when it is asked for. */
  help: () => string
  /** What there is to measure, and beside which peers, in words. Writes why something is left out to stderr. */
  measured: (options: Options) => { benchmarks: readonly Benchmark[]; beside?: string }
  /** Where RESULTS.md and results.json are kept; ends with a slash. */
  folder: URL
  /** The first lines of RESULTS.md. */
  introduction: string
}

const INTERRUPTED = 130

/** Until the end of the process; it fails when a benchmark does. */
export async function runBench(bench: Bench): Promise<void> {
  // An exit that is seen ends the child processes too (see scope.ts).
  process.once('SIGINT', () => process.exit(INTERRUPTED))
  process.once('SIGTERM', () => process.exit(INTERRUPTED))
  try {
    const options = readOptions(process.argv.slice(2))
    if (options.isHelp) process.stdout.write(bench.help())
    else await measure(bench, options)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`)
    process.exitCode = 1
  }
}

async function measure(bench: Bench, options: Options): Promise<void> {
  const { benchmarks, beside } = bench.measured(options)
  const stamp = stampNow(beside)
  const names = benchmarks.map(({ name }) => name)
  const runs: Run[] = []
  for (const choice of choose(benchmarks, options)) {
    const run = await runOf(choice, stamp)
    if (run === undefined) continue
    runs.push(run)
    // At once: a long bench that is interrupted has kept what it had.
    if (options.isSaved) save(bench, run, names)
  }
  process.stdout.write(options.isJson ? `${JSON.stringify(runs, null, 2)}\n` : textOf(runs, stamp))
}

/** Undefined = it failed: the others' figures are still worth their minutes. */
async function runOf({ benchmark, sizes }: Choice, stamp: Stamp): Promise<Run | undefined> {
  const { name, question } = benchmark
  const startMs = performance.now()
  process.stderr.write(`${name}: ${question} ... `)
  try {
    const figures = await benchmark.run(sizes)
    process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(1)} s\n`)
    return { name, question, stamp, sizes, figures }
  } catch (error) {
    process.stderr.write(`failed: ${messageOf(error)}\n`)
    process.exitCode = 1
    return undefined
  }
}

function textOf(runs: readonly Run[], stamp: Stamp): string {
  const figures = runs.flatMap((run) => run.figures)
  const parts = [stampText(stamp), notesOf(figures).join('\n'), tableOf(figures), goalsLine(figures)]
  return `\n${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function save({ folder, introduction }: Bench, run: Run, names: readonly string[]): void {
  const file = new URL('results.json', folder)
  const runs = withRun(savedRuns(file), run, names)
  writeFileSync(file, `${JSON.stringify(runs, null, 2)}\n`)
  writeFileSync(new URL('RESULTS.md', folder), resultsText(runs, introduction))
}

function savedRuns(file: URL): Run[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Run[]
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
