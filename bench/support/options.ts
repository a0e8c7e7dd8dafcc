/** The command line of a bench. */
import { parseArgs } from 'node:util'
import type { Benchmark } from './figures.js'

/** A benchmark that is to be run, and at which sizes. */
export interface Choice {
  benchmark: Benchmark
  sizes: Record<string, number>
}

export interface Options {
  isHelp: boolean
  isFull: boolean
  isSaved: boolean
  isJson: boolean
  /** Of benchmarks; none = all. */
  names: string[]
  /** `name.size=value`, over the sizes of the benchmarks. */
  sizes: string[]
  /** Only these beside Porchlight; none = all there are. */
  peers: string[]
}

/** Throws where the line is not understood. */
export function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      peer: { type: 'string', multiple: true, default: [] },
      set: { type: 'string', multiple: true, default: [] },
    },
  })
  return {
    isHelp: values.help,
    isFull: values.full,
    isSaved: values.save,
    isJson: values.json,
    names: positionals,
    sizes: values.set,
    peers: values.peer,
  }
}

/** Throws where a name or a size is unknown. */
export function choose(benchmarks: readonly Benchmark[], { names, isFull, sizes }: Options): Choice[] {
  const unknown = names.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
  if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(', ')}; --help lists them`)
  const all = benchmarks.map((benchmark) => ({ benchmark, sizes: sizesOf(benchmark, isFull) }))
  for (const text of sizes) setSize(all, text)
  return all.filter(({ benchmark: { name } }) => names.length === 0 || names.includes(name))
}

function sizesOf({ sizes, fullSizes = {} }: Benchmark, isFull: boolean): Record<string, number> {
  return isFull ? { ...sizes, ...fullSizes } : { ...sizes }
}

function setSize(choices: Choice[], text: string): void {
  const [, name, size, value] = /^([a-z0-9-]+)\.(\w+)=([1-9]\d{0,8})$/.exec(text) ?? []
  const sizes = choices.find(({ benchmark }) => benchmark.name === name)?.sizes
  if (sizes === undefined || size === undefined || !(size in sizes)) {
    throw new Error(`--set ${text}: expected name.size=number; --help lists them`)
  }
  sizes[size] = Number(value)
}

export const COMMON_HELP = `  --full                 the large sizes: where a benchmark has two, the second ones below
  --save                 into RESULTS.md and results.json too; rows of other benchmarks stay
  --json                 the runs as JSON instead of the table
  --set NAME.SIZE=N      another size, as often as you like
  --help                 this text
`

const INDENT = ' '.repeat(19)

/** What there is to measure, for `--help`. */
export function listText(benchmarks: readonly Benchmark[]): string {
  const list = benchmarks.map(({ name, question, sizes, fullSizes = {} }) => {
    const shown = Object.entries(sizes).map(([size, value]) => {
      const full = fullSizes[size]
      return `${size}=${value}${full === undefined ? '' : ` (${full})`}`
    })
    return `  ${name.padEnd(16)} ${question}\n${INDENT}sizes: ${shown.join(' ')}\n`
  })
  return `${list.join('')}
A ratio is that of each round, so what slows the machine for a while slows both sides. Goals are for
information: a goal that is not met is no failure, a wrong count is.
`
}
