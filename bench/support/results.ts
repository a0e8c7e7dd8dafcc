/** The figures that are kept: the last run of each benchmark, as JSON and for readers. */
import type { Figure } from './figures.js'
import { type Stamp, stampText } from './stamp.js'
import { goalsLine, goalsTable, notesOf, tableOf } from './table.js'

/** One run of one benchmark. */
export interface Run {
  name: string
  question: string
  stamp: Stamp
  sizes: Record<string, number>
  figures: Figure[]
}

/**
 * `run` in the place of the one before it of the same name, and all in the order of `names`. Runs of benchmarks that
 * are no more are left out.
 */
export function withRun(runs: readonly Run[], run: Run, names: readonly string[]): Run[] {
  const byName = new Map([...runs, run].map((one) => [one.name, one]))
  return names.flatMap((name) => byName.get(name) ?? [])
}

/** The runs as RESULTS.md shows them. `introduction`: its title, and which command wrote it. */
export function resultsText(runs: readonly Run[], introduction: string): string {
  const figures = runs.flatMap((run) => run.figures)
  return `${[`${introduction}${HOW_TO_READ}`, `## Goals\n\n${goalsLine(figures)}`, goalsTable(runs), ...runs.map(runText)].join('\n\n')}\n`
}

const HOW_TO_READ = `; with names of benchmarks it writes their sections anew and leaves
the others. A cell is the median of the rounds with the least and the most of them, a ratio is that of the two sides
of one round, and a percentile is over the single operations of all rounds; CPU is that of the process under test for
one operation. Compare figures of one section only: another hour or another machine gives others. All values of all
rounds are in \`results.json\`.`

function runText({ name, question, stamp, sizes, figures }: Run): string {
  const workload = Object.entries(sizes).map(([size, value]) => `${size}=${value}`)
  const notes = notesOf(figures).map((note) => `- ${note}`)
  const parts = [
    `## ${name}`,
    `${question[0]!.toUpperCase()}${question.slice(1)}.`,
    `${stampText(stamp)}; ${workload.join(', ')}.`,
    tableOf(figures),
  ]
  return [...parts, ...(notes.length === 0 ? [] : [notes.join('\n')])].join('\n\n')
}
