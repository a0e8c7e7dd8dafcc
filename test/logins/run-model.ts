/**
 * `npm run test:model`: many random histories against the model of who may stay, on every core.
 *
 *   --sequences N        how many in all (default 100,000)
 *   --seed S             of the first worker; the others count on from it (default: a new one)
 *   --path P --replay R  run one history again, as a failure reported it, with its --seed
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { compareWithModel, type ModelRun } from './model.js'

const PROGRESS_EVERY_MS = 5_000
const REPORT_EVERY = 50

type WorkerReport = { done: number } | { failure: string }

if (isMainThread) await main()
else await work(workerData as ModelRun)

async function work(run: ModelRun): Promise<void> {
  const report = (message: WorkerReport) => parentPort!.postMessage(message)
  try {
    await compareWithModel({ ...run, onSequence: (done) => done % REPORT_EVERY === 0 && report({ done }) })
    report({ done: run.sequences })
  } catch (error) {
    const cause = (error as Error).cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    report({ failure: `${(error as Error).message}\n${reason}` })
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sequences: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      path: { type: 'string' },
      replay: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log('npm run test:model -- [--sequences N] [--seed S] [--path P --replay R]')
    return
  }
  const { path, replay: replayPath } = values
  const replay = path !== undefined && replayPath !== undefined ? { path, replayPath } : undefined
  const total = replay ? 1 : Number(values.sequences)
  const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  if (!Number.isSafeInteger(total) || total < 1 || !Number.isSafeInteger(firstSeed)) {
    throw new RangeError('--sequences and --seed are whole numbers, --sequences at least 1')
  }
  const workers = Math.min(availableParallelism(), total)
  const done = new Array<number>(workers).fill(0)
  const failures: string[] = []
  const startedMs = Date.now()
  const say = () => {
    const sum = done.reduce((a, b) => a + b, 0)
    console.log(`${sum} of ${total} histories, ${Math.round((Date.now() - startedMs) / 1_000)} s`)
  }
  const progress = setInterval(say, PROGRESS_EVERY_MS)
  await Promise.all(
    done.map((_, at) => {
      const seed = firstSeed + at
      const sequences = Math.floor(total / workers) + (at < total % workers ? 1 : 0)
      console.log(`worker ${at + 1}: seed ${seed}, ${sequences} histories`)
      const data: ModelRun = { seed, sequences, replay }
      const worker = new Worker(new URL(import.meta.url), { workerData: data })
      worker.on('message', (message: WorkerReport) => {
        if ('done' in message) done[at] = message.done
        else failures.push(`seed ${seed}: ${message.failure}`)
      })
      return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    }),
  )
  clearInterval(progress)
  say()
  for (const failure of failures) console.log(failure)
  console.log(failures.length === 0 ? 'no divergence' : `${failures.length} workers found a divergence`)
  process.exitCode = failures.length === 0 ? 0 : 1
}
