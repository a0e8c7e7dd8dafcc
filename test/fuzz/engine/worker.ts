/** The thread of one target. It is run from an instrumented copy of the build. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Progress } from './campaign.js'
import { COUNTERS, Coverage } from './coverage.js'
import { type Finding, Fuzzer } from './fuzzer.js'
import type { FileCounters } from './instrument.js'
import type { Target } from './target.js'

export interface WorkerData {
  target: string
  seed: number
  seeds: Uint8Array[]
  /** Stop after so many inputs, or so many ms; seeds are run in any case. */
  executionsMax: number
  ms: number
  files: FileCounters[]
  /** The input under way: the main thread reads it to say which input this thread hangs in. */
  current: SharedArrayBuffer
}

export type WorkerMessage =
  | { kind: 'progress'; progress: Progress }
  | { kind: 'finding'; finding: Finding }
  | { kind: 'done'; essential: Uint8Array[] }

const PROGRESS_MS = 1_000

const { target: name, seed, seeds, executionsMax, ms, files, current } = workerData as WorkerData
const say = (message: WorkerMessage) => parentPort!.postMessage(message)

const last = files.at(-1)!
const counters = new Uint32Array(last.first + last.count)
Object.assign(globalThis, { [COUNTERS]: counters })
// After the counters are there, for what it imports increments them.
const { target } = (await import(`../targets/${name}.js`)) as { target: Target }

const coverage = new Coverage(counters)
const inputs = new Int32Array(current, 0, 2)
const bytes = new Uint8Array(current, inputs.byteLength)
const fuzzer = new Fuzzer(target, await target.open(), coverage, {
  seed,
  words: () => wordsOf(files.filter(({ first, count }) => coverage.isReached(first, count))),
  trying: (input) => {
    inputs[0]!++
    inputs[1] = Math.min(input.length, bytes.length)
    bytes.set(input.subarray(0, bytes.length))
  },
  found: (finding) => say({ kind: 'finding', finding }),
})
await fuzzer.addSeeds([...target.seeds(), ...seeds])

const startedMs = performance.now()
let saidMs = startedMs
for (let left = executionsMax; left > 0; left--) {
  await fuzzer.next()
  const nowMs = performance.now()
  if (nowMs - startedMs > ms) break
  if (nowMs - saidMs < PROGRESS_MS) continue
  saidMs = nowMs
  report()
  // Timers and garbage of asynchronous targets need a turn.
  await new Promise((resolve) => setImmediate(resolve))
}
report()
say({ kind: 'done', essential: await fuzzer.essential(target.seeds()) })

function report(): void {
  const { executions, corpus } = fuzzer
  say({ kind: 'progress', progress: { executions, corpus: corpus.length, reached: coverage.reached } })
}

function wordsOf(reached: readonly FileCounters[]): Uint8Array[] {
  return [...new Set(reached.flatMap(({ words }) => words))].map((word) => Buffer.from(word))
}
