/**
 * `npm run test:sim`: many seeds of the simulation, on two threads.
 *
 *   --seeds N     how many (default 1,000)
 *   --from S      the first seed (default 1); the others follow
 *   --stop        stop at the first that fails
 *   --replay S    run one seed again, and say what happened
 *   --verbose     with --replay: the whole history
 */
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { whole } from '../support/whole.js'
import { losesMemory } from './faults.js'
import { type Outcome, simulate } from './scenario.js'

const WORKERS = 2
const PROGRESS_EVERY_MS = 5_000
const REPORT_EVERY = 20
const VIOLATIONS_SHOWN = 5

interface Share {
  from: number
  seeds: number
  step: number
  stops: boolean
}
type Report = { done: number } | { seed: number; failure: string }

if (isMainThread) await main()
else await work(workerData as Share)

async function work({ from, seeds, step, stops }: Share): Promise<void> {
  const report = (message: Report) => parentPort!.postMessage(message)
  for (let n = 0; n < seeds; n++) {
    const seed = from + n * step
    const failure = await failureOf(seed)
    if (failure !== undefined) report({ seed, failure })
    if (failure !== undefined && stops) break
    if (n % REPORT_EVERY === 0) report({ done: n })
  }
  report({ done: seeds })
}

async function failureOf(seed: number): Promise<string | undefined> {
  try {
    const outcome = await simulate(seed)
    return outcome.violations.length === 0 ? undefined : describe(outcome)
  } catch (error) {
    return String((error as Error).stack)
  }
}

function describe({ plan, violations }: Outcome): string {
  const faults = plan.faults.map(({ name, node, slot, fromMs, toMs, degree }) => {
    const where = losesMemory(name) ? `node ${node} slot ${slot}` : `node ${node}`
    return `  ${name} (${where}, degree ${degree.toFixed(2)}) from ${Math.round(fromMs)} to ${Math.round(toMs)} ms`
  })
  const broken = violations
    .slice(0, VIOLATIONS_SHOWN)
    .map(({ rule, atMs, what }) => `  ${rule}, ${Math.round(atMs)} ms: ${what}`)
  return [...faults, ...broken, `  ${violations.length} in all`].join('\n')
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      stop: { type: 'boolean', default: false },
      replay: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log('npm run test:sim -- [--seeds N] [--from S] [--stop] [--replay SEED [--verbose]]')
    return
  }
  if (values.replay !== undefined) return replay(whole(values.replay), values.verbose)
  await runMany(whole(values.from), whole(values.seeds), values.stop)
}

async function replay(seed: number, isVerbose: boolean): Promise<void> {
  const outcome = await simulate(seed)
  if (isVerbose) {
    for (const { kind, atMs, ...rest } of outcome.history.events) {
      console.log(`${atMs.toFixed(0).padStart(7)} ms  ${kind}  ${JSON.stringify(rest)}`)
    }
  }
  console.log(`seed ${seed}\n${describe(outcome)}`)
  process.exitCode = outcome.violations.length === 0 ? 0 : 1
}

async function runMany(from: number, seeds: number, stops: boolean): Promise<void> {
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
        from: from + at,
        seeds: Math.floor(seeds / workers) + (at < seeds % workers ? 1 : 0),
        step: workers,
        stops,
      }
      const worker = new Worker(new URL(import.meta.url), { workerData: share })
      worker.on('message', (message: Report) => {
        if ('done' in message) done[at] = message.done
        else {
          failures++
          console.log(`seed ${message.seed} fails; npm run test:sim -- --replay ${message.seed}`)
          console.log(message.failure)
          if (stops) process.exit(1)
        }
      })
      return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    }),
  )
  clearInterval(progress)
  say()
  console.log(failures === 0 ? `seeds ${from} to ${from + seeds - 1} are clean` : `${failures} seeds fail`)
  process.exitCode = failures === 0 ? 0 : 1
}
