/** Figures for readers: as a Markdown table, with their notes, and how many goals are met. */
import { type Figure, type Goal, short, subjectOf } from './figures.js'
import { generatorNote, isLimit } from './generator.js'
import type { Spread } from './measure.js'

const NOTHING = '-'

interface Column {
  title: string
  cell(figure: Figure): string | undefined
}

const columns: readonly Column[] = [
  { title: 'figure', cell: ({ name }) => name },
  { title: 'median (min..max)', cell: valueText },
  { title: 'p50 / p95 / p99 / max', cell: latencyText },
  { title: 'CPU each', cell: ({ cpuUs }) => cpuUs && `${short(cpuUs.median)} µs` },
  { title: 'RSS', cell: ({ residentMiB }) => residentMiB && `${short(residentMiB.median)} MiB` },
  { title: 'beside', cell: ceilingText },
  { title: 'ratio', cell: ({ ratio }) => ratio && `${spreadText(ratio)}x` },
  { title: 'CPU ratio', cell: ({ cpuRatio }) => cpuRatio && `${spreadText(cpuRatio)}x` },
  { title: 'goal', cell: (figure) => figure.goal && goalText(figure, figure.goal, boundText(figure.goal)) },
  { title: 'met', cell: ({ isMet }) => (isMet === undefined ? undefined : isMet ? 'yes' : 'no') },
]

/** Medians, with min..max of the rounds in parentheses. Columns that say nothing are left out. */
export function tableOf(figures: readonly Figure[]): string {
  const filled = columns
    .map(({ title, cell }) => ({ title, cells: figures.map((figure) => cell(figure) ?? NOTHING) }))
    .filter(({ cells }) => cells.some((text) => text !== NOTHING))
  return markdownTable(
    filled.map(({ title }) => title),
    figures.map((_, row) => filled.map(({ cells }) => cells[row]!)),
  )
}

/** Aligned for whoever reads it as text. */
function markdownTable(head: string[], rows: string[][]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)))
  const line = (cells: string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** A line for each note. What one measurement has to say beside several ceilings is said once. */
export function notesOf(figures: readonly Figure[]): string[] {
  const notes = figures.flatMap((figure) => allNotesOf(figure).map((note) => `${figure.name}: ${note}`))
  return [...new Set(notes)]
}

function allNotesOf({ notes, generator }: Figure): string[] {
  return generator === undefined ? notes : [...notes, generatorNote(generator)]
}

/** Of those with a goal: what it is about, without what only explains it. */
export function goalsTable(benchmarks: readonly { name: string; figures: readonly Figure[] }[]): string {
  const head = ['benchmark', 'figure', 'beside', 'found', 'goal', 'met']
  const rows = benchmarks.flatMap(({ name, figures }) =>
    figures.flatMap((figure) =>
      figure.goal === undefined ? [] : [[name, ...goalCells(figure, figure.goal)]],
    ),
  )
  return markdownTable(head, rows)
}

function goalCells(figure: Figure, goal: Goal): string[] {
  return [
    figure.name,
    figure.ceiling?.name ?? NOTHING,
    goalText(figure, goal, short(subjectOf(figure, goal)!.median)),
    goalText(figure, goal, boundText(goal)),
    figure.isMet ? 'yes' : 'no',
  ]
}

/** Those that are not met by name. */
export function goalsLine(figures: readonly Figure[]): string {
  const goals = figures.filter(({ goal }) => goal !== undefined)
  const missed = goals.filter(({ isMet }) => !isMet).map(({ name, ceiling }) => fullName(name, ceiling?.name))
  const met = `${goals.length - missed.length} of ${goals.length} goals are met`
  return missed.length === 0 ? `${met}.` : `${met}. Not met: ${missed.join('; ')}.`
}

function fullName(name: string, ceiling: string | undefined): string {
  return ceiling === undefined ? name : `${name}, beside ${ceiling}`
}

function valueText({ ours, unit, generator }: Figure): string {
  const limited = generator !== undefined && isLimit(generator) ? `, the limit of ${generator.name}` : ''
  return `${withUnit(spreadText(ours), unit)}${limited}`
}

function latencyText({ latencyMs }: Figure): string | undefined {
  if (latencyMs === undefined) return undefined
  const { p50, p95, p99, max } = latencyMs
  return `${[p50, p95, p99, max].map(short).join(' / ')} ms`
}

function ceilingText({ ceiling, unit }: Figure): string | undefined {
  if (ceiling === undefined) return undefined
  const cpu = ceiling.cpuUs === undefined ? '' : `, CPU ${short(ceiling.cpuUs.median)} µs`
  return `${ceiling.name}: ${withUnit(short(ceiling.median), unit)}${cpu}`
}

/** A bound, or what was found, in the unit of what the goal is about. */
function goalText({ unit, ratio }: Figure, goal: Goal, value: string): string {
  if (goal.of === 'cpu') return `CPU ${value}x`
  return goal.of === 'value' || ratio === undefined ? withUnit(value, unit) : `${value}x`
}

function boundText(goal: Goal): string {
  return 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`
}

function withUnit(text: string, unit: string): string {
  return unit === '' ? text : `${text} ${unit}`
}

function spreadText({ median, min, max }: Spread): string {
  return `${short(median)} (${short(min)}..${short(max)})`
}
