/** The command line of the bench. */
import { parseArgs } from 'node:util'
import type { Benchmark } from './support/figures.js'

/** A benchmark that is to be run, and at which sizes. */
export interface Choice {
  benchmark: Benchmark
  sizes: Record<string, number>
}

export interface Options {
  choices: Choice[]
  isJson: boolean
  isSaved: boolean
}

/** Undefined = only help was asked for. Throws where the line is not understood. */
export function readOptions(args: string[], benchmarks: readonly Benchmark[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      full: { type: 'boolean' },
      save: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
      set: { type: 'string', multiple: true },
    },
  })
  if (values.help) return undefined
  const unknown = positionals.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
  if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(', ')}; --help lists them`)
  const all = benchmarks.map((benchmark) => ({ benchmark, sizes: sizesOf(benchmark, values.full ?? false) }))
  for (const text of values.set ?? []) setSize(all, text)
  return {
    choices: all.filter(({ benchmark: { name } }) => positionals.length === 0 || positionals.includes(name)),
    isJson: values.json ?? false,
    isSaved: values.save ?? false,
  }
}

function sizesOf({ sizes, fullSizes = {} }: Benchmark, isFull: boolean): Record<string, number> {
  return isFull ? { ...sizes, ...fullSizes } : { ...sizes }
}

/** `name.size=value`. */
function setSize(choices: Choice[], text: string): void {
  const [, name, size, value] = /^([a-z0-9-]+)\.(\w+)=([1-9]\d{0,8})$/.exec(text) ?? []
  const sizes = choices.find(({ benchmark }) => benchmark.name === name)?.sizes
  if (sizes === undefined || size === undefined || !(size in sizes)) {
    throw new Error(`--set ${text}: expected name.size=number; --help lists them`)
  }
  sizes[size] = Number(value)
}

export function helpText(benchmarks: readonly Benchmark[]): string {
  return `Measure Porchlight beside raw ceilings and beside other ways to do the same, in one run, on loopback;
within ten minutes for everything.

  npm run bench -- [options] [NAME...]

  --full                 the large sizes: where a benchmark has two, the second ones below
  --save                 into bench/RESULTS.md and bench/results.json too; rows of other benchmarks stay
  --json                 the runs as JSON instead of the table
  --set NAME.SIZE=N      another size, as often as you like
  --help                 this text

${benchmarks.map(helpOf).join('')}
A ratio is that of each round, so what slows the machine for a while slows both sides. Goals are for
information: a goal that is not met is no failure, a wrong count is.
`
}

const INDENT = ' '.repeat(19)

function helpOf({ name, question, sizes, fullSizes = {} }: Benchmark): string {
  const shown = Object.entries(sizes).map(([size, value]) => {
    const full = fullSizes[size]
    return `${size}=${value}${full === undefined ? '' : ` (${full})`}`
  })
  return `  ${name.padEnd(16)} ${question}\n${INDENT}sizes: ${shown.join(' ')}\n`
}
