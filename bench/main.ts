/** The bench: every question or the named ones, each figure beside its raw ceiling of the same run. */
import { readFileSync, writeFileSync } from 'node:fs'
import { benchmarks } from './benchmarks.js'
import { type Choice, helpText, type Options, readOptions } from './options.js'
import { type Run, resultsText, withRun } from './support/results.js'
import { type Stamp, stampNow, stampText } from './support/stamp.js'
import { goalsLine, notesOf, tableOf } from './support/table.js'

const INTERRUPTED = 130
/** Kept beside the sources; this file is run from what they were compiled to. */
const RESULTS_JSON = new URL('../../bench/results.json', import.meta.url)
const RESULTS_TEXT = new URL('../../bench/RESULTS.md', import.meta.url)

// An exit that is seen ends the child processes too (see support/scope.ts).
process.once('SIGINT', () => process.exit(INTERRUPTED))
process.once('SIGTERM', () => process.exit(INTERRUPTED))

try {
  const options = readOptions(process.argv.slice(2), benchmarks)
  if (options === undefined) process.stdout.write(helpText(benchmarks))
  else await main(options)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}

async function main({ choices, isJson, isSaved }: Options): Promise<void> {
  const stamp = stampNow()
  const runs: Run[] = []
  for (const choice of choices) {
    const run = await runOf(choice, stamp)
    if (run === undefined) continue
    runs.push(run)
    // At once: a long bench that is interrupted has kept what it had.
    if (isSaved) save(run)
  }
  process.stdout.write(isJson ? `${JSON.stringify(runs, null, 2)}\n` : textOf(runs, stamp))
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

function save(run: Run): void {
  const names = benchmarks.map(({ name }) => name)
  const runs = withRun(savedRuns(), run, names)
  writeFileSync(RESULTS_JSON, `${JSON.stringify(runs, null, 2)}\n`)
  writeFileSync(RESULTS_TEXT, resultsText(runs))
}

function savedRuns(): Run[] {
  try {
    return JSON.parse(readFileSync(RESULTS_JSON, 'utf8')) as Run[]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
