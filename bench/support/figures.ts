/** What a benchmark reports: figures beside their ceilings. */
import { type Spread, spreadOf } from './measure.js'

export interface Figure {
  /** What was measured, with its unit. */
  name: string
  unit: string
  ours: Spread
  /** What the same harness reaches without Porchlight, in the same run. */
  ceiling?: { name: string } & Spread
  /** Ours by the ceiling, of each round. */
  ratio?: Spread
  goal?: { atLeast: number } | { atMost: number }
  isMet?: boolean
  /** What else is worth knowing, CPU times first. */
  notes: string[]
}

/** A benchmark: one question. `run` throws when its counts do not add up. */
export interface Benchmark {
  name: string
  /** The question that it answers. */
  question: string
  /** Its sizes for `npm run bench`; whole numbers, at least 1. */
  sizes: Record<string, number>
  run(sizes: Record<string, number>): Promise<Figure[]>
}

/** Gives a benchmark's sizes their names; no other effect. */
export function defineBenchmark<S extends Record<string, number>>(benchmark: {
  name: string
  question: string
  sizes: S
  run(sizes: S): Promise<Figure[]>
}): Benchmark {
  return benchmark as unknown as Benchmark
}

export interface FigureInput {
  name: string
  unit: string
  /** One value a round. */
  ours: number[]
  /** One value a round, in the same order. */
  ceiling?: { name: string; values: number[] }
  goal?: { atLeast: number } | { atMost: number }
  notes?: string[]
}

export function figure({ name, unit, ours, ceiling, goal, notes = [] }: FigureInput): Figure {
  const base = { name, unit, ours: spreadOf(ours), notes }
  if (ceiling === undefined) return base
  const ratio = spreadOf(ours.map((value, round) => value / ceiling.values[round]!))
  const compared = { ...base, ceiling: { name: ceiling.name, ...spreadOf(ceiling.values) }, ratio }
  if (goal === undefined) return compared
  const isMet = 'atLeast' in goal ? ratio.median >= goal.atLeast : ratio.median <= goal.atMost
  return { ...compared, goal, isMet }
}

/** `figures` as a Markdown table; medians, with min..max in parentheses. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, unit, ours, ceiling, ratio, goal, isMet }) => [
    name,
    `${show(ours)} ${unit}`,
    ceiling === undefined ? '-' : `${show(ceiling)} ${unit}, ${ceiling.name}`,
    ratio === undefined ? '-' : `${show(ratio)}x`,
    goal === undefined ? '-' : 'atLeast' in goal ? `>= ${goal.atLeast}x` : `<= ${goal.atMost}x`,
    isMet === undefined ? '-' : isMet ? 'yes' : 'no',
  ])
  const head = ['figure', 'median (min..max)', 'raw ceiling', 'ratio', 'goal', 'met']
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)))
  const line = (cells: string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function show({ median, min, max }: Spread): string {
  return `${short(median)} (${short(min)}..${short(max)})`
}

/** Three significant digits, thousands and millions named. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${digits(value / 1e6)}M`
  if (size >= 1e4) return `${digits(value / 1e3)}k`
  return digits(value)
}

function digits(value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}
