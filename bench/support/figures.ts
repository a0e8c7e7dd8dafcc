/** What a benchmark reports: figures beside their ceilings. */
import { type Generator, type GeneratorInput, generatorOf } from './generator.js'
import { type Latencies, latenciesOf, type Samples, type Spread, samplesOf, spreadOf } from './measure.js'

/** A goal is about the ratio to the ceiling where there is one, else about the value; `cpu`: the ratio of CPU times. */
export type Goal = ({ atLeast: number } | { atMost: number }) & { of?: 'value' | 'cpu' }

export interface Figure {
  /** What was measured. */
  name: string
  unit: string
  ours: Samples
  /** CPU microseconds of the process under test for each operation. */
  cpuUs?: Spread
  /** Of single operations, all rounds together, milliseconds. */
  latencyMs?: Latencies
  /** Resident memory of the process under test when it had done its work. */
  residentMiB?: Spread
  /** What the same harness reaches without Porchlight, in the same run. */
  ceiling?: { name: string; cpuUs?: Spread } & Samples
  /** Ours by the ceiling, of each round. */
  ratio?: Spread
  /** The same of CPU times. */
  cpuRatio?: Spread
  /** What loaded it, and how busy that was itself. */
  generator?: Generator
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
  /** Those that are others with `--full`. */
  fullSizes?: Record<string, number>
  run(sizes: Record<string, number>): Promise<Figure[]>
}

/** Gives a benchmark's sizes their names; no other effect. */
export function defineBenchmark<S extends Record<string, number>>(benchmark: {
  name: string
  question: string
  sizes: S
  fullSizes?: Partial<S>
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
  residentMiB?: number[]
  ceiling?: { name: string; values: number[]; cpuUs?: number[] }
  generator?: GeneratorInput
  goal?: Goal
  notes?: string[]
}

export function figure(input: FigureInput): Figure {
  const { name, unit, ours, cpuUs, latenciesMs, residentMiB, ceiling, generator, goal, notes = [] } = input
  const measured: Figure = {
    name,
    unit,
    ours: samplesOf(ours),
    ...(cpuUs === undefined ? {} : { cpuUs: spreadOf(cpuUs) }),
    ...(latenciesMs === undefined ? {} : { latencyMs: latenciesOf(latenciesMs) }),
    ...(residentMiB === undefined ? {} : { residentMiB: spreadOf(residentMiB) }),
    ...(ceiling === undefined ? {} : comparisonOf(ours, cpuUs, ceiling)),
    ...(generator === undefined ? {} : { generator: generatorOf(generator) }),
    notes,
  }
  return goal === undefined ? measured : { ...measured, goal, isMet: meets(measured, goal) }
}

function comparisonOf(
  ours: number[],
  cpuUs: number[] | undefined,
  { name, values, cpuUs: theirs }: NonNullable<FigureInput['ceiling']>,
): Pick<Figure, 'ceiling' | 'ratio' | 'cpuRatio'> {
  const ceiling = { name, ...samplesOf(values) }
  const ratio = ratioOf(ours, values)
  if (theirs === undefined) return { ceiling, ratio }
  const withCpu = { ceiling: { ...ceiling, cpuUs: spreadOf(theirs) }, ratio }
  return cpuUs === undefined ? withCpu : { ...withCpu, cpuRatio: ratioOf(cpuUs, theirs) }
}

function ratioOf(ours: number[], theirs: number[]): Spread {
  return spreadOf(ours.map((value, round) => value / theirs[round]!))
}

function meets(figure: Figure, goal: Goal): boolean {
  const subject = subjectOf(figure, goal)
  if (subject === undefined) throw new Error('a goal about CPU times needs those of both sides')
  return 'atLeast' in goal ? subject.median >= goal.atLeast : subject.median <= goal.atMost
}

/** What a goal of this figure is about. */
export function subjectOf({ ours, ratio, cpuRatio }: Figure, goal: Goal): Spread | undefined {
  if (goal.of === 'cpu') return cpuRatio
  return goal.of === 'value' ? ours : (ratio ?? ours)
}

/** Three significant digits, two of what is below a tenth; thousands and millions named. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${digits(value / 1e6)}M`
  if (size >= 1e4) return `${digits(value / 1e3)}k`
  return digits(value)
}

function digits(value: number): string {
  const size = Math.abs(value)
  if (size > 0 && size < 0.1) return String(Number(value.toPrecision(2)))
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}
