/** A run of the load generator: tokens, processes, progress, and what came of it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Account } from '../../src/sdk/light-client.js'
import { type Scope, withScope } from '../support/scope.js'
import { mustListen, readAccounts } from './accounts.js'
import { type LoadCounts, sumOf } from './counts.js'
import { LoadError, type LoadOptions } from './options.js'
import type { LoadAnswer, LoadOrder } from './process.js'

const TICK_MS = 1_000
/** How long the sockets may take for their goodbyes, ms. */
const GOODBYE_MS = 500
const STOP_WITHIN_MS = 5_000
/** Of a core, or of the event loop's time: from here on a process measures itself. */
const BUSY = 0.9

/** CPU of one process of the generator; parts of a core. */
export interface ProcessCpu {
  mean: number
  peak: number
  /** Seconds in which it used more than 90 % of a core, or its event loop had that little rest. */
  busySeconds: number
}

export interface LoadResult {
  counts: LoadCounts
  /** From the first login to the end. */
  seconds: number
  cpu: ProcessCpu[]
}

/** Counts of one second, for who shows them. */
export interface Progress {
  phase: 'tokens' | 'load'
  seconds: number
  tokens: number
  counts: LoadCounts
}

export interface LoadHooks {
  progress(progress: Progress): void
  /** Resolves when the run is to end early. */
  interrupted: Promise<unknown>
}

/** Throws LoadError for what the operator can mend. */
export function runLoad(options: LoadOptions, hooks: LoadHooks): Promise<LoadResult | undefined> {
  let isOver = false
  const over = hooks.interrupted.then(() => {
    isOver = true
    return undefined
  })
  const work = async (scope: Scope): Promise<LoadResult | undefined> => {
    await Promise.all(options.targets.map(mustListen))
    const accounts = await Promise.race([over, takeTokens(options, hooks, () => isOver)])
    return accounts === undefined || isOver ? undefined : put(scope, options, accounts, hooks)
  }
  return withScope(work).catch((error: Error) => {
    throw error.cause instanceof LoadError ? error.cause : error
  })
}

async function takeTokens(
  options: LoadOptions,
  { progress }: LoadHooks,
  isOver: () => boolean,
): Promise<Account[]> {
  const startMs = performance.now()
  let tokens = 0
  const timer = setInterval(() => {
    const seconds = (performance.now() - startMs) / 1_000
    progress({ phase: 'tokens', seconds, tokens, counts: sumOf([]) })
  }, TICK_MS)
  try {
    return await readAccounts(options, (count) => {
      tokens = count
      // Nobody waits for it any more; those under way are the last.
      if (isOver()) throw new LoadError('interrupted')
    })
  } finally {
    clearInterval(timer)
  }
}

/** One process, as the parent knows it. */
interface Part {
  child: ChildProcess
  begun: Promise<unknown>
  counts: LoadCounts
  cpu: number[]
  busySeconds: number
}

async function put(
  scope: Scope,
  options: LoadOptions,
  accounts: Account[],
  hooks: LoadHooks,
): Promise<LoadResult> {
  const parts = ordersOf(options, accounts).map((order) => begin(scope, order))
  const failed = Promise.race(parts.map(({ child }) => failureOf(child)))
  // A machine that has much else to do takes seconds to start a process.
  await Promise.race([failed, Promise.all(parts.map(({ begun }) => begun))])
  const startMs = performance.now()
  const secondsNow = () => (performance.now() - startMs) / 1_000
  const look = () => sumOf(parts.map((part) => part.counts))
  const timer = setInterval(() => {
    hooks.progress({ phase: 'load', seconds: secondsNow(), tokens: accounts.length, counts: look() })
  }, TICK_MS)
  let end: NodeJS.Timeout | undefined
  const enough = new Promise((resolve) => {
    end = setTimeout(resolve, options.durationS * 1_000)
  })
  try {
    await Promise.race([enough, hooks.interrupted, failed])
    const seconds = secondsNow()
    await Promise.race([failed, Promise.all(parts.map(({ child }) => stop(child)))])
    const counts = look()
    for (const { child } of parts) child.send({ verb: 'goHome' })
    await new Promise((resolve) => setTimeout(resolve, GOODBYE_MS))
    return { counts, seconds, cpu: parts.map(cpuOf) }
  } finally {
    clearInterval(timer)
    clearTimeout(end)
  }
}

/** A fair part for each process; user IDs are known to all, since anybody may be watched. */
function ordersOf(options: LoadOptions, accounts: Account[]): LoadOrder[] {
  const { processes, targets, watch, seed, loginsPerS, churnPerS } = options
  const userIds = accounts.map(({ userId }) => userId)
  return Array.from({ length: processes }, (_, n) => {
    const first = Math.floor((accounts.length * n) / processes)
    const mine = accounts.slice(first, Math.floor((accounts.length * (n + 1)) / processes))
    return {
      verb: 'begin',
      targets,
      accounts: mine,
      first,
      userIds,
      watch,
      loginsPerS: loginsPerS / processes,
      churnPerS: churnPerS / processes,
      seed,
    }
  })
}

function begin(scope: Scope, order: LoadOrder): Part {
  const child = scope.fork(new URL('./process.js', import.meta.url), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  // It says nothing before.
  const begun = once(child, 'message')
  const part: Part = { child, begun, counts: sumOf([]), cpu: [], busySeconds: 0 }
  child.on('message', (answer: LoadAnswer) => {
    if (answer.verb !== 'counted') return
    part.counts = answer.counts
    // What is left at the end is shorter than a second, and has no peak worth telling.
    if (answer.isLast && part.cpu.length > 0) return
    part.cpu.push(answer.cpu)
    if (Math.max(answer.cpu, answer.loop) > BUSY) part.busySeconds++
  })
  child.send(order)
  return part
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('a load process does not stop')), STOP_WITHIN_MS)
    child.on('message', (answer: LoadAnswer) => {
      if (answer.verb !== 'counted' || !answer.isLast) return
      clearTimeout(timer)
      resolve()
    })
    child.send({ verb: 'stop' })
  })
}

function failureOf(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.on('message', (answer: LoadAnswer) => {
      if (answer.verb === 'failed') reject(new Error(`a load process failed: ${answer.reason}`))
    })
    child.once('exit', (code, signal) => reject(new Error(`a load process ended (${code ?? signal})`)))
  })
}

function cpuOf({ cpu, busySeconds }: Part): ProcessCpu {
  const mean = cpu.reduce((sum, part) => sum + part, 0) / Math.max(1, cpu.length)
  // One by one: a long run has more seconds than a call may have arguments.
  return { mean, peak: cpu.reduce((most, part) => Math.max(most, part), 0), busySeconds }
}
