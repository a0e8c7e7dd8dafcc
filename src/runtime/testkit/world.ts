/**
 * A world on one thread: a virtual clock, seeded chance, and any number of actor systems with seeded links.
 *
 * Nothing happens by itself: `advance` and `settle` run what is due, in order of time, ties in the order in which
 * they were set. The same seed and the same calls give the same history.
 */
import { type Environment, type Log, silentLog } from '../environment.js'
import { defaultLinkLimits, type LinkLimits, type LinkPort } from '../link.js'
import type { ThreadSlot } from '../ref.js'
import { ActorSystem } from '../system.js'

export interface WorldOptions {
  seed: number
  log?: Log
  /** One-way delay of a frame, ms. Order between two systems is kept whatever it returns. */
  linkDelayMs?: (random: number) => number
  linkLimits?: LinkLimits
  onEscalation?: (error: Error) => void
}

interface Event {
  atMs: number
  sequence: number
  run: (() => void) | undefined
}

/** Systems that stand still together: while a machine is paused nothing runs on it, and what comes due waits in order. */
export class Machine {
  #waiting: (() => void)[] | undefined

  run(what: () => void): void {
    if (this.#waiting === undefined) what()
    else this.#waiting.push(what)
  }

  pause(): void {
    this.#waiting ??= []
  }

  /** Also runs what waited. */
  resume(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const what of waiting) this.run(what)
  }
}

/** More steps than this without time going on is a loop, not a simulation. */
const STEPS_MAX = 10_000_000

export class World {
  readonly environment: Environment
  readonly #options: WorldOptions
  readonly #random: () => number
  #events: Event[] = []
  readonly #machines = new WeakMap<ActorSystem, Machine>()
  #sequence = 0
  #nowMs = 0

  constructor(options: WorldOptions) {
    this.#options = options
    this.#random = mulberry32(options.seed)
    this.environment = {
      nowMs: () => this.#nowMs,
      random: this.#random,
      defer: (run) => void this.#at(this.#nowMs, run),
      wake: (delayMs, run) => {
        const event = this.#at(this.#nowMs + delayMs, run)
        return () => {
          event.run = undefined
        }
      },
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** When the next thing happens; undefined = never, as things stand. */
  get nextMs(): number | undefined {
    return this.#next()?.atMs
  }

  /** `machine`: with which other systems it stands still; without, never. */
  system(thread: ThreadSlot, incarnation = 0, machine?: Machine): ActorSystem {
    const { log = silentLog, linkLimits = defaultLinkLimits, onEscalation } = this.#options
    const environment = machine === undefined ? this.environment : this.#environmentOn(machine)
    const system = new ActorSystem({ thread, incarnation, environment, log, linkLimits, onEscalation })
    if (machine !== undefined) this.#machines.set(system, machine)
    return system
  }

  /** Link two systems, or link them anew. */
  link(a: ActorSystem, b: ActorSystem): void {
    const [portA, portB] = this.#ports(this.#machines.get(a), this.#machines.get(b))
    a.link(b.thread, portA)
    b.link(a.thread, portB)
  }

  /** Let `ms` go by, running what becomes due on the way. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#next(); next !== undefined && next.atMs <= untilMs; next = this.#next()) {
      this.#step(next)
    }
    this.#nowMs = untilMs
  }

  /** Run what is due now, and what follows from it, without letting time go by. */
  settle(): void {
    this.advance(0)
  }

  #environmentOn(machine: Machine): Environment {
    const { defer, wake } = this.environment
    return {
      ...this.environment,
      defer: (run) => defer(() => machine.run(run)),
      wake: (delayMs, run) => wake(delayMs, () => machine.run(run)),
    }
  }

  #ports(...machines: (Machine | undefined)[]): [LinkPort, LinkPort] {
    const listeners: ((frame: Uint8Array) => void)[] = []
    const arrivesMs = [0, 0]
    // As with a MessagePort: what was posted before `close` still arrives, unless the receiver has closed too.
    const open = [true, true]
    const port = (mine: 0 | 1): LinkPort => ({
      postMessage: (frame) => {
        const delayMs = this.#options.linkDelayMs?.(this.#random()) ?? 0
        arrivesMs[mine] = Math.max(arrivesMs[mine]!, this.#nowMs + delayMs)
        const arrive = () => {
          if (open[1 - mine]) listeners[1 - mine]?.(frame)
        }
        const machine = machines[1 - mine]
        this.#at(arrivesMs[mine]!, machine === undefined ? arrive : () => machine.run(arrive))
      },
      on: (_event, listener) => {
        listeners[mine] = listener
      },
      close: () => {
        open[mine] = false
      },
    })
    return [port(0), port(1)]
  }

  #at(atMs: number, run: () => void): Event {
    const event: Event = { atMs, sequence: this.#sequence++, run }
    // Kept sorted from the end: most new events are near in time, and the list is short.
    let at = this.#events.length
    while (at > 0 && after(this.#events[at - 1]!, event)) at--
    this.#events.splice(at, 0, event)
    return event
  }

  #next(): Event | undefined {
    return this.#events[0]
  }

  #steps = 0
  #step(event: Event): void {
    this.#events.shift()
    if (event.atMs > this.#nowMs) this.#steps = 0
    if (++this.#steps > STEPS_MAX) throw new Error(`no progress at ${this.#nowMs} ms`)
    this.#nowMs = Math.max(this.#nowMs, event.atMs)
    event.run?.()
  }
}

function after(a: Event, b: Event): boolean {
  return a.atMs > b.atMs || (a.atMs === b.atMs && a.sequence > b.sequence)
}

/** A small seeded generator (Tommy Ettinger's mulberry32): uniform in [0, 1), good enough for schedules. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
