/** `npm run test:sim`: many seeds of the simulation, on two threads. `--help` says more. */
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { whole } from '../support/whole.js'
import type { Fault } from './faults.js'
import type { HistoryEvent } from './history.js'
import { MESSAGE_FAULT_NAMES, type MessageFaultName } from './messages/faults.js'
import { simulateMessages } from './messages/scenario.js'
import { simulate } from './scenario.js'

const HELP = `npm run test:sim -- [OPTION...]

  --of KIND        presence, messages, or both (default)
  --seeds N        how many of each (default 1,000)
  --from S         the first seed (default 1); the others follow
  --faults A,B     messages only: nothing but these goes wrong, and one of them does in each history
  --stop           stop at the first that fails
  --replay S       run one seed again, and say what happened (default of messages)
  --verbose        with --replay: the whole history
  --help           this

Faults of messages: ${MESSAGE_FAULT_NAMES.join(', ')}`

const WORKERS = 2
const PROGRESS_EVERY_MS = 5_000
const REPORT_EVERY = 20
const VIOLATIONS_SHOWN = 5

type Kind = 'presence' | 'messages'

interface Outcome {
  plan: { faults: Fault<string>[] }
  history: { events: HistoryEvent[] }
  violations: { rule: string; atMs: number; what: string }[]
}

interface Share {
  kinds: Kind[]
  faults: MessageFaultName[]
  from: number
  seeds: number
  step: number
  stops: boolean
}
type Report = { done: number } | { kind: Kind; seed: number; failure: string }

if (isMainThread) await main()
else await work(workerData as Share)

async function work({ kinds, faults, from, seeds, step, stops }: Share): Promise<void> {
  const report = (message: Report) => parentPort!.postMessage(message)
  for (let n = 0; n < seeds; n++) {
    const seed = from + n * step
    for (const kind of kinds) {
      const failure = await failureOf(kind, seed, faults)
      if (failure === undefined) continue
      report({ kind, seed, failure })
      if (stops) return
    }
    if (n % REPORT_EVERY === 0) report({ done: n })
  }
  report({ done: seeds })
}

function outcomeOf(kind: Kind, seed: number, faults: MessageFaultName[]): Promise<Outcome> {
  return kind === 'presence' ? simulate(seed) : simulateMessages(seed, faults)
}

async function failureOf(kind: Kind, seed: number, faults: MessageFaultName[]): Promise<string | undefined> {
  try {
    const outcome = await outcomeOf(kind, seed, faults)
    return outcome.violations.length === 0 ? undefined : describe(outcome)
  } catch (error) {
    return String((error as Error).stack)
  }
}

function describe({ plan, violations }: Outcome): string {
  const faults = plan.faults.map(({ name, node, slot, fromMs, toMs, degree }) => {
    return `  ${name} (node ${node} slot ${slot}, degree ${degree.toFixed(2)}) from ${Math.round(fromMs)} to ${Math.round(toMs)} ms`
  })
  const broken = violations
    .slice(0, VIOLATIONS_SHOWN)
    .map(({ rule, atMs, what }) => `  ${rule}, ${Math.round(atMs)} ms: ${what}`)
  return [...faults, ...broken, `  ${violations.length} in all`].join('\n')
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      of: { type: 'string', default: 'both' },
      faults: { type: 'string', default: MESSAGE_FAULT_NAMES.join() },
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      stop: { type: 'boolean', default: false },
      replay: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return console.log(HELP)
  const kinds = kindsOf(values.of)
  const faults = faultsOf(values.faults)
  if (values.replay !== undefined) {
    return replay(kinds.at(-1)!, whole(values.replay), faults, values.verbose)
  }
  const share = { kinds, faults, from: whole(values.from), seeds: whole(values.seeds), stops: values.stop }
  await runMany(share)
}

function kindsOf(text: string): Kind[] {
  if (text === 'both') return ['presence', 'messages']
  if (text === 'presence' || text === 'messages') return [text]
  throw new Error(`--of: expected presence, messages or both, not ${text}`)
}

function faultsOf(text: string): MessageFaultName[] {
  const names = text.split(',')
  const isKnown = (name: string): name is MessageFaultName => (MESSAGE_FAULT_NAMES as string[]).includes(name)
  const unknown = names.filter((name) => !isKnown(name))
  if (unknown.length > 0) throw new Error(`--faults: there is no ${unknown.join()}`)
  return names.filter(isKnown)
}

async function replay(
  kind: Kind,
  seed: number,
  faults: MessageFaultName[],
  isVerbose: boolean,
): Promise<void> {
  const outcome = await outcomeOf(kind, seed, faults)
  if (isVerbose) {
    for (const { kind, atMs, ...rest } of outcome.history.events) {
      console.log(`${atMs.toFixed(0).padStart(7)} ms  ${kind}  ${JSON.stringify(rest)}`)
    }
  }
  console.log(`seed ${seed}\n${describe(outcome)}`)
  process.exitCode = outcome.violations.length === 0 ? 0 : 1
}

async function runMany(all: Omit<Share, 'step'>): Promise<void> {
  const { kinds, faults, from, seeds, stops } = all
  const workers = Math.min(WORKERS, seeds)
  const done = new Array<number>(workers).fill(0)
  let failures = 0
  const startedMs = Date.now()
  const say = () => {
    const sum = done.reduce((a, b) => a + b, 0)
    const seconds = (Date.now() - startedMs) / 1_000
    console.log(`${sum} of ${seeds} seeds, ${Math.round(seconds)} s, ${(sum / seconds).toFixed(1)} seeds/s`)
  }
  const progress = setInterval(say, PROGRESS_EVERY_MS)
  await Promise.all(
    done.map((_, at) => {
      const share: Share = {
        ...all,
        from: from + at,
        seeds: Math.floor(seeds / workers) + (at < seeds % workers ? 1 : 0),
        step: workers,
      }
      const worker = new Worker(new URL(import.meta.url), { workerData: share })
      worker.on('message', (message: Report) => {
        if ('done' in message) done[at] = message.done
        else {
          failures++
          const { kind, seed } = message
          const chosen = faults.length === MESSAGE_FAULT_NAMES.length ? '' : ` --faults ${faults.join()}`
          console.log(`seed ${seed} fails; npm run test:sim -- --of ${kind}${chosen} --replay ${seed}`)
          console.log(message.failure)
          if (stops) process.exit(1)
        }
      })
      return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    }),
  )
  clearInterval(progress)
  say()
  const range = `seeds ${from} to ${from + seeds - 1} of ${kinds.join(' and ')}`
  console.log(failures === 0 ? `${range} are clean` : `${failures} seeds fail`)
  process.exitCode = failures === 0 ? 0 : 1
}
