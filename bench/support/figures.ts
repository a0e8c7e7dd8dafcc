/** What a benchmark reports: figures beside their ceilings. */
import { type Latencies, latenciesOf, type Spread, spreadOf } from './measure.js'

/** A goal is about the ratio to the ceiling where there is one, else about the value; `cpu`: the ratio of CPU times. */
export type Goal = ({ atLeast: number } | { atMost: number }) & { of?: 'value' | 'cpu' }

export interface Figure {
  /** What was measured. */
  name: string
  unit: string
  ours: Spread
  /** CPU microseconds of the process under test for each operation. */
  cpuUs?: Spread
  /** Of single operations, all rounds together, milliseconds. */
  latencyMs?: Latencies
  /** What the same harness reaches without Porchlight, in the same run. */
  ceiling?: { name: string; cpuUs?: Spread } & Spread
  /** Ours by the ceiling, of each round. */
  ratio?: Spread
  /** The same of CPU times. */
  cpuRatio?: Spread
  goal?: Goal
  isMet?: boolean
  /** What else is worth knowing. */
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

/** One value a round, in the same order, wherever there are several. */
export interface FigureInput {
  name: string
  unit: string
  ours: number[]
  cpuUs?: number[]
  /** Single operations of all rounds. */
  latenciesMs?: number[]
  ceiling?: { name: string; values: number[]; cpuUs?: number[] }
  goal?: Goal
  notes?: string[]
}

export function figure(input: FigureInput): Figure {
  const { name, unit, ours, cpuUs, latenciesMs, ceiling, goal, notes = [] } = input
  const measured: Figure = {
    name,
    unit,
    ours: spreadOf(ours),
    ...(cpuUs === undefined ? {} : { cpuUs: spreadOf(cpuUs) }),
    ...(latenciesMs === undefined ? {} : { latencyMs: latenciesOf(latenciesMs) }),
    ...(ceiling === undefined ? {} : comparisonOf(ours, cpuUs, ceiling)),
    notes,
  }
  return goal === undefined ? measured : { ...measured, goal, isMet: meets(measured, goal) }
}

function comparisonOf(
  ours: number[],
  cpuUs: number[] | undefined,
  { name, values, cpuUs: theirs }: NonNullable<FigureInput['ceiling']>,
): Pick<Figure, 'ceiling' | 'ratio' | 'cpuRatio'> {
  const ceiling = { name, ...spreadOf(values) }
  const ratio = ratioOf(ours, values)
  if (cpuUs === undefined || theirs === undefined) return { ceiling, ratio }
  return { ceiling: { ...ceiling, cpuUs: spreadOf(theirs) }, ratio, cpuRatio: ratioOf(cpuUs, theirs) }
}

function ratioOf(ours: number[], theirs: number[]): Spread {
  return spreadOf(ours.map((value, round) => value / theirs[round]!))
}

function meets({ ours, ratio, cpuRatio }: Figure, goal: Goal): boolean {
  const subject = goal.of === 'cpu' ? cpuRatio : goal.of === 'value' ? ours : (ratio ?? ours)
  if (subject === undefined) throw new Error('a goal about CPU times needs those of both sides')
  return 'atLeast' in goal ? subject.median >= goal.atLeast : subject.median <= goal.atMost
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
