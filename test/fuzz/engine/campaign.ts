/** Runs targets on threads of their own, from an instrumented copy of the build, and sees to those that never return. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Finding } from './fuzzer.js'
import { type FileCounters, instrumentBuild } from './instrument.js'
import type { Target } from './target.js'
import type { WorkerData, WorkerMessage } from './worker.js'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
/** What is counted. Actors and the runtime read no input of strangers themselves. */
const COUNTED = /^src.(doors|openim|net|auth|services|protocol|rules|store|config)/
/** An input that takes longer is taken for one that never returns. */
const HANG_MS = 20_000
const LOOK_EVERY_MS = 500
const HEAP_MB = 512

export interface TargetRun {
  target: Target
  seed: number
  /** Kept inputs; those that the target makes itself are run too. */
  seeds: Uint8Array[]
  /** Ends after so many new inputs, or so many ms. */
  executionsMax?: number
  ms?: number
  /** Called each second. */
  progress?(progress: Progress): void
  /** Called at once; the outcome has all findings too. */
  found?(finding: Finding): void
}

export interface Progress {
  /** Inputs run, those to shrink a finding included. */
  executions: number
  /** How many inputs reached something new, seeds included. */
  corpus: number
  /** Counters reached. */
  reached: number
}

export interface Outcome extends Progress {
  /** The shortest inputs that reach what the target's own seeds do not. */
  essential: Uint8Array[]
  findings: Finding[]
}

export class Campaign {
  /** Inside the project, so that packages are found from there. */
  readonly #copy = join(ROOT, `.fuzz-${process.pid}`)
  readonly #files: FileCounters[]

  /** Instruments a copy of the build. To be closed. */
  constructor() {
    this.close()
    this.#files = instrumentBuild(join(ROOT, 'dist'), this.#copy, (path) => COUNTED.test(path))
  }

  close(): void {
    rmSync(this.#copy, { recursive: true, force: true })
  }

  /** One target on a thread of its own; a thread that hangs, or needs too much memory, is a finding like any other. */
  run({ target, seed, seeds, executionsMax, ms, progress, found }: TargetRun): Promise<Outcome> {
    const current = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT + target.bytesMax)
    const workerData: WorkerData = {
      target: target.name,
      seed,
      seeds,
      executionsMax: executionsMax ?? Number.POSITIVE_INFINITY,
      ms: ms ?? Number.POSITIVE_INFINITY,
      files: this.#files,
      current,
    }
    const worker = new Worker(pathToFileURL(join(this.#copy, 'test/fuzz/engine/worker.js')), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    const outcome: Outcome = { executions: 0, corpus: 0, reached: 0, essential: [], findings: [] }
    const onFinding = (finding: Finding): void => {
      outcome.findings.push(finding)
      found?.(finding)
    }
    return new Promise((resolve, reject) => {
      const watch = watchFor(current, (finding) => {
        onFinding(finding)
        void worker.terminate()
      })
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'finding') onFinding(message.finding)
        else if (message.kind === 'done') outcome.essential = message.essential
        else {
          Object.assign(outcome, message.progress)
          progress?.(message.progress)
        }
      })
      worker.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return reject(error)
        onFinding({ kind: 'memory', message: error.message, input: inputOf(current) })
      })
      worker.once('exit', () => {
        clearInterval(watch)
        resolve(outcome)
      })
    })
  }
}

/** Calls back when one input has been under way for too long. */
function watchFor(current: SharedArrayBuffer, hangs: (finding: Finding) => void): NodeJS.Timeout {
  const inputs = new Int32Array(current, 0, 1)
  let seen = 0
  let sinceMs = Number.NaN
  return setInterval(() => {
    const nowMs = performance.now()
    if (inputs[0] !== seen) {
      seen = inputs[0]!
      sinceMs = nowMs
    } else if (nowMs - sinceMs > HANG_MS) {
      sinceMs = Number.NaN
      hangs({ kind: 'hangs', message: `no end within ${HANG_MS} ms`, input: inputOf(current) })
    }
  }, LOOK_EVERY_MS)
}

function inputOf(current: SharedArrayBuffer): Uint8Array {
  const header = new Int32Array(current, 0, 2)
  return new Uint8Array(current, header.byteLength, header[1]!).slice()
}
