/**
 * Looks for inputs that break the promises of a target, guided by coverage: inputs that reach something new are kept
 * and changed further. Everything follows from the seed.
 */
import { mulberry32 } from '../../../src/runtime/testkit/world.js'
import type { Coverage } from './coverage.js'
import { mutate } from './mutate.js'
import type { Run, Target } from './target.js'

/** An input may take this much time, in ms, at the best of several attempts: other work disturbs some of them. */
const MS_MAX = 50
const ATTEMPTS = 6
const CORPUS_MAX = 5_000
const SHRINK_TRIES_MAX = 3_000

export type FindingKind = 'throws' | 'steps' | 'time' | 'hangs' | 'memory'

export interface Finding {
  kind: FindingKind
  /** What was seen. */
  message: string
  input: Uint8Array
}

interface Attempt {
  finding: Finding | undefined
  /** As `Coverage.take` counts them. */
  news: number
  firsts: number
}

export interface FuzzerOptions {
  seed: number
  /** Words of the files that were reached; asked for when seeds have been run. */
  words(coverage: Coverage): Uint8Array[]
  /** Called before each attempt, so that somebody knows the input if it never returns. */
  trying(input: Uint8Array): void
  found(finding: Finding): void
}

export class Fuzzer {
  executions = 0
  readonly corpus: Uint8Array[] = []
  readonly #random: () => number
  /** One finding for each place is enough. */
  readonly #known = new Set<string>()
  #words: Uint8Array[] = []

  constructor(
    private readonly target: Target,
    private readonly run: Run,
    private readonly coverage: Coverage,
    private readonly options: FuzzerOptions,
  ) {
    this.#random = mulberry32(options.seed)
  }

  async addSeeds(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) await this.#try(input, true)
    this.#words = this.options.words(this.coverage)
  }

  /** One new input. */
  async next(): Promise<void> {
    const material = {
      random: this.#random,
      words: this.#words,
      other: () => this.#pick(),
      bytesMax: this.target.bytesMax,
    }
    await this.#try(mutate(this.#pick(), material), false)
  }

  /** The shortest inputs found that together reach what `own` do not. What was reached is forgotten. */
  async essential(own: readonly Uint8Array[]): Promise<Uint8Array[]> {
    this.coverage.forget()
    for (const input of own) await this.#attempt(input)
    const kept: Uint8Array[] = []
    for (const input of [...this.corpus].sort((a, b) => a.length - b.length)) {
      if ((await this.#attempt(input)).firsts > 0) kept.push(input)
    }
    return kept
  }

  /** The later ones more often: they reach what was reached last. */
  #pick(): Uint8Array {
    const at = Math.max(this.#random(), this.#random()) * this.corpus.length
    return this.corpus[Math.floor(at)] ?? new Uint8Array()
  }

  async #try(input: Uint8Array, isSeed: boolean): Promise<void> {
    const { finding, news } = await this.#attempt(input)
    if (finding !== undefined) return this.#report(finding)
    if (isSeed || (news > 0 && this.corpus.length < CORPUS_MAX)) this.corpus.push(input)
  }

  async #report(finding: Finding): Promise<void> {
    const key = keyOf(finding)
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.options.found(await this.#shrink(finding, key))
  }

  async #attempt(input: Uint8Array): Promise<Attempt> {
    let { thrown, bytes, ms } = await this.#execute(input)
    const { steps, news, firsts } = this.coverage.take()
    if (thrown !== undefined)
      return { finding: { kind: 'throws', message: stackOf(thrown), input }, news, firsts }
    const { base, perByte } = this.target.steps
    const stepsMax = base + perByte * bytes
    if (steps > stepsMax) {
      const message = `${steps} steps for ${bytes} bytes, at most ${stepsMax} are allowed`
      return { finding: { kind: 'steps', message, input }, news, firsts }
    }
    for (let left = ATTEMPTS - 1; ms > MS_MAX && left > 0; left--) {
      ms = Math.min(ms, (await this.#execute(input)).ms)
    }
    if (ms <= MS_MAX) return { finding: undefined, news, firsts }
    const message = `${ms.toFixed(0)} ms for ${bytes} bytes, at the best of ${ATTEMPTS} attempts`
    return { finding: { kind: 'time', message, input }, news, firsts }
  }

  async #execute(input: Uint8Array): Promise<{ thrown: unknown; bytes: number; ms: number }> {
    this.executions++
    this.options.trying(input)
    this.coverage.reset()
    const startedMs = performance.now()
    let thrown: unknown
    let bytes = input.length
    try {
      // A copy: an input that the code under test writes into would not be what is reported.
      const outcome = this.run(Uint8Array.from(input))
      if (typeof outcome === 'number') bytes = outcome
      else if (outcome !== undefined) await outcome
    } catch (error) {
      thrown = error ?? new Error('threw nothing')
    }
    return { thrown, bytes, ms: performance.now() - startedMs }
  }

  /** Take pieces out for as long as the same thing is seen. What takes too long is not tried again and again. */
  async #shrink(finding: Finding, key: string): Promise<Finding> {
    if (finding.kind === 'time') return finding
    let smallest = finding
    let tries = 0
    for (let size = finding.input.length >> 1; size > 0 && tries < SHRINK_TRIES_MAX; size >>= 1) {
      for (let at = 0; at < smallest.input.length && tries < SHRINK_TRIES_MAX; tries++) {
        const { input } = smallest
        const shorter = Buffer.concat([input.subarray(0, at), input.subarray(at + size)])
        const { finding: again } = await this.#attempt(shorter)
        if (again !== undefined && keyOf(again) === key) smallest = again
        else at += size
      }
    }
    return smallest
  }
}

function stackOf(thrown: unknown): string {
  return String((thrown as Error).stack ?? thrown)
}

/** Two findings are the same when the kind and the line that threw are. */
function keyOf({ kind, message }: Finding): string {
  return kind === 'throws' ? `${kind} ${/^\s+at .*$/m.exec(message)?.[0] ?? message}` : kind
}
