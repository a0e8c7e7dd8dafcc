/**
 * The main thread's side of hosting: which threads there are, which of them are linked, and what happens when
 * one dies.
 *
 * A thread that dies is hosted anew in its slot: its neighbours drop their links at once (asks fail, actors hear
 * `unlinked`), then get new ones (`linked`), and their actors send again what the newcomer must know.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import {
  exposeControl,
  type RemoteControl,
  type ThreadControl,
  withDeadline,
  wrapControl,
} from './control.js'
import type { Log } from './environment.js'
import { toWire } from './errors.js'
import type { ThreadSlot } from './ref.js'
import { type FailureRecord, judge, noFailures, restartWithBackoff } from './supervision.js'
import type { ThreadTask } from './thread-entry.js'

export interface HostedRole {
  name: string
  /** File URL of the compiled entry; see `thread-entry.ts`. */
  entry: URL
  count: number
  /** Roles that this role's threads have links with. Said on one side, it holds for both. */
  linkedWith: string[]
  /** Old-generation heap bound of each thread of the role, MiB. A thread over it dies; the process lives. */
  heapMb: number
  /** The same of the young generation, which grows to its bound and stays there; absent = as V8 has it, 48. */
  youngHeapMb?: number | undefined
  /** Its threads are never terminated from outside: torn down with a native server open, one would take the process. */
  mustEndItself?: boolean
  /** Verbs that the main thread answers for threads of this role. */
  supervisor?: object
}

export interface ThreadInfo {
  slot: ThreadSlot
  role: string
  index: number
}

export interface ThreadHostOptions<Settings> {
  roles: HostedRole[]
  settings: Settings
  log: Log
  /** A thread's actors were not up within this time at the start; ms. */
  readyDeadlineMs: number
  onThreadLost?: (thread: ThreadInfo, reason: string) => void
  /** The actors of a thread are up, at the start and whenever it was hosted anew. */
  onThreadReady?: (thread: ThreadInfo) => void
}

interface Hosted extends ThreadInfo {
  incarnation: number
  /** A pool of one thread, for one life: what a dead thread leaves in it goes with it. */
  pool: Piscina | undefined
  control: RemoteControl | undefined
  life: Promise<void>
  failures: FailureRecord
}

const CONTROL_DEADLINE_MS = 2_000

/** Slots of the threads of the given roles, in the order of the roles: the same numbers in every process. */
export function layOut(roles: { name: string; count: number }[]): ThreadInfo[] {
  const threads: ThreadInfo[] = []
  for (const role of roles) {
    for (let index = 0; index < role.count; index++) {
      threads.push({ slot: threads.length, role: role.name, index })
    }
  }
  return threads
}

export class ThreadHost<Settings> {
  readonly #options: ThreadHostOptions<Settings>
  readonly #threads: Hosted[]
  readonly restarts: Record<string, number> = {}
  /** Of the threads that wait to be hosted anew. */
  readonly #backoffs = new Set<NodeJS.Timeout>()
  #isStopping = false

  constructor(options: ThreadHostOptions<Settings>) {
    this.#options = options
    this.#threads = layOut(options.roles).map((info) => ({
      ...info,
      incarnation: 0,
      pool: undefined,
      control: undefined,
      life: Promise.resolve(),
      failures: noFailures,
    }))
    for (const role of options.roles) this.restarts[role.name] = 0
  }

  get threads(): ThreadInfo[] {
    return this.#threads
  }

  /** Host every thread; resolves when the actors of all are up. */
  async start(): Promise<void> {
    const ports = this.#threads.map((): ThreadTask<Settings>['links'] => [])
    for (const a of this.#threads) {
      for (const b of this.#threads) {
        if (b.slot <= a.slot || !this.#areLinked(a, b)) continue
        const { port1, port2 } = new MessageChannel()
        ports[a.slot]!.push({ slot: b.slot, port: port1 })
        ports[b.slot]!.push({ slot: a.slot, port: port2 })
      }
    }
    for (const thread of this.#threads) this.#host(thread, ports[thread.slot]!)
    await Promise.all(this.#threads.map((thread) => this.ready(thread)))
  }

  /** Resolves when the actors of the thread are up; rejects when it ends before. */
  async ready(thread: ThreadInfo): Promise<void> {
    const { readyDeadlineMs } = this.#options
    const ended = this.#threads[thread.slot]!.life.then(() => {
      throw new Error(`${name(thread)} ended before it was ready`)
    })
    const isUp = Promise.race([this.control(thread).ready(), ended])
    await withDeadline(isUp, readyDeadlineMs, `${name(thread)} ready`)
    this.#options.onThreadReady?.(thread)
  }

  /** Verbs of a thread that lives; throws when it does not. */
  control(thread: ThreadInfo): RemoteControl {
    const { control } = this.#threads[thread.slot]!
    if (control === undefined) throw new Error(`${name(thread)} is being hosted anew`)
    return control
  }

  /** One verb on every living thread of a role, or of all; a thread that does not answer in time is left out. */
  async each<T>(
    verb: (control: RemoteControl) => Promise<T>,
    role?: string,
    deadlineMs = CONTROL_DEADLINE_MS,
  ) {
    const answers = await Promise.all(
      this.#threads
        .filter((thread) => role === undefined || thread.role === role)
        .map(async (thread) => {
          try {
            return { thread, value: await withDeadline(verb(this.control(thread)), deadlineMs, name(thread)) }
          } catch (error) {
            this.#options.log.warn({ thread: name(thread), error: toWire(error) }, 'no answer from thread')
            return undefined
          }
        }),
    )
    return answers.filter((answer) => answer !== undefined)
  }

  /**
   * Stop every thread, the roles in the given order. Bounded by `deadlineMs` a role. Returns the threads that did not
   * end by themselves; they are terminated, unless their role must end itself.
   */
  async stop(order: string[], deadlineMs: number): Promise<ThreadInfo[]> {
    this.#isStopping = true
    for (const backoff of this.#backoffs) clearTimeout(backoff)
    for (const role of order) {
      const threads = this.#threads.filter((thread) => thread.role === role)
      // Its end is the answer: a thread that has ended answers nothing any more.
      for (const { control } of threads) this.#quietly(control?.stop())
      const lives = threads.map((thread) => thread.life)
      await withDeadline(Promise.all(lives), deadlineMs, `${role} threads end`).catch((error) =>
        this.#options.log.warn({ error: toWire(error) }, 'thread did not end in time'),
      )
    }
    const left = this.#threads.filter((thread) => thread.pool !== undefined)
    for (const thread of left) if (!this.#roleOf(thread).mustEndItself) this.#discard(thread)
    return left
  }

  #host(thread: Hosted, links: ThreadTask<Settings>['links']): void {
    const role = this.#roleOf(thread)
    const control = new MessageChannel()
    const task: ThreadTask<Settings> = {
      slot: thread.slot,
      role: thread.role,
      index: thread.index,
      incarnation: thread.incarnation,
      settings: this.#options.settings,
      control: control.port2,
      links,
    }
    const transferList: MessagePort[] = [control.port2, ...links.map((link) => link.port)]
    if (role.supervisor !== undefined) {
      const supervisor = new MessageChannel()
      exposeControl(role.supervisor, supervisor.port1)
      task.supervisor = supervisor.port2
      transferList.push(supervisor.port2)
    }
    thread.control = wrapControl<ThreadControl>(control.port1)
    const pool = new Piscina({
      filename: role.entry.href,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      resourceLimits: {
        maxOldGenerationSizeMb: role.heapMb,
        ...(role.youngHeapMb !== undefined && { maxYoungGenerationSizeMb: role.youngHeapMb }),
      },
    })
    thread.pool = pool
    // A thread that dies before it has taken its task says so here, and only here.
    const failed = new Promise<never>((_, reject) => pool.once('error', reject))
    const run = pool.run(task, { transferList: transferList as never })
    thread.life = Promise.race([run, failed])
      .then(
        () => 'its task ended',
        (error: Error) => error.message,
      )
      .then((reason) => this.#onEnd(thread, reason, control.port1))
  }

  #onEnd(thread: Hosted, reason: string, port: MessagePort): void {
    port.close()
    thread.control = undefined
    this.#discard(thread)
    if (this.#isStopping) return
    this.#options.log.error({ thread: name(thread), reason }, 'thread lost')
    this.#options.onThreadLost?.(thread, reason)
    const neighbours = this.#threads.filter((other) => other !== thread && this.#areLinked(thread, other))
    for (const neighbour of neighbours) this.#quietly(neighbour.control?.unlink(thread.slot, reason))
    const verdict = judge(
      { ...restartWithBackoff, restartsMax: Number.POSITIVE_INFINITY },
      thread.failures,
      performance.now(),
      Math.random(),
    )
    thread.failures = verdict.record
    const delayMs = verdict.directive === 'restart' ? verdict.delayMs : 0
    const backoff = setTimeout(() => {
      this.#backoffs.delete(backoff)
      this.#hostAnew(thread, neighbours)
    }, delayMs)
    this.#backoffs.add(backoff)
  }

  /** Let go of what is left of a thread, without waiting for it. */
  #discard(thread: Hosted): void {
    // More errors of the same end must not be thrown for want of a listener.
    thread.pool?.on('error', () => {})
    void thread.pool?.destroy()
    thread.pool = undefined
  }

  #hostAnew(thread: Hosted, neighbours: Hosted[]): void {
    thread.incarnation++
    this.restarts[thread.role]!++
    const links = neighbours
      .filter((neighbour) => neighbour.control !== undefined)
      .map((neighbour) => {
        const { port1, port2 } = new MessageChannel()
        this.#quietly(neighbour.control!.relink(thread.slot, port2))
        return { slot: neighbour.slot, port: port1 }
      })
    this.#host(thread, links)
    const { incarnation } = thread
    this.ready(thread).then(
      () => {
        this.#options.log.info({ thread: name(thread), incarnation }, 'thread hosted anew')
      },
      (error) => {
        // One that died before it was ready says so late: its successor is not to blame.
        if (this.#isStopping || thread.incarnation !== incarnation) return
        // Hosted but of no use: its end brings the next attempt, after a longer while.
        this.#options.log.error({ thread: name(thread), error: toWire(error) }, 'thread is not ready')
        this.#quietly(thread.control?.stop())
      },
    )
  }

  #roleOf(thread: ThreadInfo): HostedRole {
    return this.#options.roles.find((role) => role.name === thread.role)!
  }

  #areLinked(a: ThreadInfo, b: ThreadInfo): boolean {
    const says = (one: ThreadInfo, other: ThreadInfo) => this.#roleOf(one).linkedWith.includes(other.role)
    return says(a, b) || says(b, a)
  }

  /** Without waiting: a neighbour that dies meanwhile gets its links when it is hosted anew. */
  #quietly(call: Promise<void> | undefined): void {
    call?.catch((error) => this.#options.log.warn({ error: toWire(error) }, 'control call failed'))
  }
}

export function name(thread: ThreadInfo): string {
  return `${thread.role}-${thread.index}`
}
