/** The bench: every question or the named ones, each figure beside its raw ceiling of the same run. */
import { cpus, loadavg, release, type as system } from 'node:os'
import { parseArgs } from 'node:util'
import { benchmarks } from './benchmarks.js'
import { type Benchmark, type Figure, tableOf } from './support/figures.js'

const INTERRUPTED = 130

// An exit that is seen ends the child processes too (see support/scope.ts).
process.once('SIGINT', () => process.exit(INTERRUPTED))
process.once('SIGTERM', () => process.exit(INTERRUPTED))

try {
  await main()
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      help: { type: 'boolean' },
      set: { type: 'string', multiple: true },
    },
  })
  if (values.help) return void process.stdout.write(helpText())
  const unknown = positionals.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
  if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(', ')}; --help lists them`)
  const chosen = benchmarks.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const sizes = readSizes(values.set ?? [])
  const machine = {
    date: new Date().toISOString(),
    node: process.version,
    system: `${system()} ${release()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    load: loadavg()[0]!,
  }
  const figures: Figure[] = []
  for (const benchmark of chosen) {
    const startMs = performance.now()
    process.stderr.write(`${benchmark.name}: ${benchmark.question} ... `)
    try {
      figures.push(...(await benchmark.run(sizes.get(benchmark)!)))
      process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(1)} s\n`)
    } catch (error) {
      // The others' figures are still worth their minutes.
      process.stderr.write(`failed: ${messageOf(error)}\n`)
      process.exitCode = 1
    }
  }
  if (values.json) return void process.stdout.write(`${JSON.stringify({ machine, figures }, null, 2)}\n`)
  process.stdout.write(
    `\n${machine.date}, Node ${machine.node}, ${machine.cpu} x ${machine.cores}, ` +
      `load ${machine.load.toFixed(1)} before\n\n${tableOf(figures)}\n\n${notesOf(figures)}`,
  )
}

/** `name.size=value` of `--set`, over the sizes of the benchmarks. */
function readSizes(given: string[]): Map<Benchmark, Record<string, number>> {
  const sizes = new Map(benchmarks.map((benchmark) => [benchmark, { ...benchmark.sizes }]))
  for (const text of given) {
    const [, name, size, value] = /^([a-z-]+)\.(\w+)=([1-9]\d{0,8})$/.exec(text) ?? []
    const of = sizes.get(benchmarks.find((benchmark) => benchmark.name === name)!)
    if (of === undefined || size === undefined || !(size in of)) {
      throw new Error(`--set ${text}: expected name.size=number; --help lists them`)
    }
    of[size] = Number(value)
  }
  return sizes
}

function notesOf(figures: readonly Figure[]): string {
  return figures.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}\n`)).join('')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function helpText(): string {
  const list = benchmarks.map(({ name, question, sizes }) => {
    const shown = Object.entries(sizes).map(([size, value]) => `${size}=${value}`)
    return `  ${name.padEnd(16)} ${question}\n${' '.repeat(19)}sizes: ${shown.join(' ')}\n`
  })
  return `Measure Porchlight beside raw ceilings, in one run, on loopback; two to three minutes for everything.

  npm run bench -- [options] [NAME...]

  --json                 the figures as JSON
  --set NAME.SIZE=N      another size, as often as you like
  --help                 this text

${list.join('')}
A ratio is that of each round, so what slows the machine for a while slows both sides. Goals are for
information: a goal that is not met is no failure, a wrong count is.
`
}
