/** The bench of peers: what a user would pick instead of Porchlight, with the same clients' work in the same run. */
import { cpus, loadavg, release, type as system } from 'node:os'
import { parseArgs } from 'node:util'
import { type Benchmark, type Figure, tableOf } from '../support/figures.js'
import { peers, presentPeers } from './peers.js'
import { questionsOf } from './questions.js'

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
      peer: { type: 'string', multiple: true },
      set: { type: 'string', multiple: true },
    },
  })
  if (values.help) return void process.stdout.write(helpText())
  const { present, absent } = presentPeers(values.peer ?? [])
  for (const { peer, missing } of absent) {
    process.stderr.write(`${peer.name} is skipped; it needs: ${missing}\n`)
  }
  const questions = questionsOf(present)
  const unknown = positionals.filter((name) => !questions.some((question) => question.name === name))
  if (unknown.length > 0) throw new Error(`no question ${unknown.join(', ')}; --help lists them`)
  const chosen = questions.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const sizes = readSizes(questions, values.set ?? [])
  const machine = {
    date: new Date().toISOString(),
    node: process.version,
    system: `${system()} ${release()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    load: loadavg()[0]!,
  }
  const figures: Figure[] = []
  for (const question of chosen) {
    const startMs = performance.now()
    process.stderr.write(`${question.name}: ${question.question} ... `)
    try {
      figures.push(...(await question.run(sizes.get(question)!)))
      process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(1)} s\n`)
    } catch (error) {
      // The others' figures are still worth their minutes.
      process.stderr.write(`failed: ${messageOf(error)}\n`)
      process.exitCode = 1
    }
  }
  const measured = present.map((peer) => ({ name: peer.name, version: peer.version() }))
  const skipped = absent.map(({ peer, missing }) => ({ name: peer.name, missing }))
  if (values.json)
    return void process.stdout.write(
      `${JSON.stringify({ machine, peers: measured, figures, skipped }, null, 2)}\n`,
    )
  process.stdout.write(
    `\n${machine.date}, Node ${machine.node}, ${machine.cpu} x ${machine.cores}, ` +
      `load ${machine.load.toFixed(1)} before\n` +
      `${measured.map(({ name, version }) => `${name} ${version}`).join('; ')}\n\n${tableOf(figures)}\n\n${notesOf(figures)}`,
  )
}

/** `name.size=value` of `--set`, over the sizes of the questions. */
function readSizes(
  questions: readonly Benchmark[],
  given: readonly string[],
): Map<Benchmark, Record<string, number>> {
  const sizes = new Map(questions.map((question) => [question, { ...question.sizes }]))
  for (const text of given) {
    const [, name, size, value] = /^([a-z-]+)\.(\w+)=([1-9]\d{0,8})$/.exec(text) ?? []
    const of = sizes.get(questions.find((question) => question.name === name)!)
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
  const questions = questionsOf(peers).map(({ name, question, sizes }) => {
    const shown = Object.entries(sizes).map(([size, value]) => `${size}=${value}`)
    return `  ${name.padEnd(16)} ${question}\n${' '.repeat(19)}sizes: ${shown.join(' ')}\n`
  })
  const list = peers.map((peer) => {
    const missing = peer.missing()
    return `  ${peer.key.padEnd(16)} ${peer.name}${missing === undefined ? '' : `; needs: ${missing}`}\n`
  })
  return `Measure Porchlight beside what a user would pick instead, in one run, on loopback. See bench/peers/README.md.

  npm run bench:peers -- [options] [QUESTION...]

  --peer NAME            only this one beside Porchlight, as often as you like
  --json                 the figures as JSON
  --set QUESTION.SIZE=N  another size, as often as you like
  --help                 this text

Questions:
${questions.join('')}
Peers:
${list.join('')}
A ratio is Porchlight's value by the peer's, of each round. Goals are for information: a goal that is not met is
no failure, a wrong count is.
`
}
