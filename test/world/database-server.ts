/**
 * The database server that all nodes of a virtual world share: the model, behind a network, with what can go wrong there.
 *
 * A node's connections take a seeded time for each step. What arrives while its machine stands still waits there, and its
 * transaction keeps its locks meanwhile.
 */
import { DatabaseUnavailableError } from '../../src/errors/errors.js'
import type { World } from '../../src/runtime/testkit/world.js'
import type { Database, Operation, Row, Step, Table } from '../../src/store/ports/database.js'
import { type CommitFault, DatabaseModel, type Faults, type Refusal } from './database.js'

/** What goes wrong just now. Shares are of all steps, or of all commits. */
export interface DatabaseWeather {
  /** Steps and commits that end in a conflict. */
  conflictShare: number
  /** Commits that are done, and whose answer does not come. */
  lostAnswerShare: number
  /** Commits that are done later, and by how much at most. */
  lateShare: number
  lateMs: number
  /** There is no room: nothing can be inserted. */
  isFull: boolean
}

export const FAIR_DATABASE: DatabaseWeather = {
  conflictShare: 0,
  lostAnswerShare: 0,
  lateShare: 0,
  lateMs: 0,
  isFull: false,
}

/** A lock that took longer is given up: half of what a statement may take. */
const LOCK_WAIT_MS = 2_500
/** What has met conflict after conflict for so long is not begun again. */
const PATIENCE_MS = 5_000

/** The machine of a node: what comes while it stands still waits. */
interface Machine {
  run(what: () => void): void
}

type Changed = (table: Table, before: Row | undefined, after: Row | undefined) => void

interface ServerOptions {
  random: () => number
  /** Of one way and back. */
  delayMaxMs: number
  /** Its clock. */
  nowMs: () => number
  changed: Changed
}

export class DatabaseServer {
  weather = FAIR_DATABASE
  /** By node: hears of each COMMIT that arrives, with the steps before it, and before it is carried out. */
  readonly commitComes = new Map<string, (steps: readonly Step[]) => void>()
  readonly world: World
  readonly random: () => number
  readonly model: DatabaseModel
  readonly #delayMaxMs: number
  readonly #cut = new Set<string>()
  readonly #connections = new Map<string, Set<DistantDatabase>>()

  /** `nowMs`: its clock. */
  constructor(world: World, { random, delayMaxMs, nowMs, changed }: ServerOptions) {
    this.world = world
    this.random = random
    this.#delayMaxMs = delayMaxMs
    this.model = new DatabaseModel({ nowMs, lockWait: () => this.#sleep(LOCK_WAIT_MS), changed })
  }

  /** One life of a thread of a node, which has to end it. */
  connect(nodeId: string, machine: Machine): DistantDatabase {
    const database = new DistantDatabase(this, nodeId, machine)
    const all = this.#connections.get(nodeId) ?? new Set()
    this.#connections.set(nodeId, all.add(database))
    return database
  }

  forget(nodeId: string, database: DistantDatabase): void {
    this.#connections.get(nodeId)?.delete(database)
  }

  reaches(nodeId: string): boolean {
    return !this.#cut.has(nodeId)
  }

  cut(nodeId: string): void {
    this.#cut.add(nodeId)
    for (const database of this.#connections.get(nodeId) ?? []) database.drop()
  }

  heal(nodeId: string): void {
    this.#cut.delete(nodeId)
  }

  /** The time of one way and back. */
  delayMs(): number {
    return this.random() * this.#delayMaxMs
  }

  faultsFor(nodeId: string): Faults {
    let steps: Step[] = []
    return {
      onStep: (step, number) => {
        if (number === 0) steps = []
        steps.push(step)
        return this.#stepFault(step)
      },
      onCommit: () => {
        this.commitComes.get(nodeId)?.(steps)
        return this.#commitFault()
      },
    }
  }

  #stepFault({ kind }: Step): Refusal | undefined {
    if (this.weather.isFull && (kind === 'insert' || kind === 'put' || kind === 'lock')) return 'unavailable'
    return this.#happens(this.weather.conflictShare) ? 'conflict' : undefined
  }

  #commitFault(): Refusal | CommitFault | undefined {
    const { conflictShare, lostAnswerShare, lateShare, lateMs } = this.weather
    if (this.#happens(conflictShare)) return 'conflict'
    const isAnswerLost = this.#happens(lostAnswerShare)
    if (!this.#happens(lateShare)) return { isAnswerLost }
    return { isAnswerLost, until: this.#sleep(this.random() * lateMs) }
  }

  #happens(share: number): boolean {
    return share > 0 && this.random() < share
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.world.environment.wake(ms, resolve))
  }
}

/** What a thread of a node has of the server: connections, which are made anew when they broke. */
export class DistantDatabase implements Database {
  readonly #server: DatabaseServer
  readonly #nodeId: string
  readonly #machine: Machine
  /** Answers on their way. */
  readonly #awaited = new Set<() => void>()
  #connection: ReturnType<DatabaseModel['connect']> | undefined
  #isOver = false

  constructor(server: DatabaseServer, nodeId: string, machine: Machine) {
    this.#server = server
    this.#nodeId = nodeId
    this.#machine = machine
  }

  async write<T>(begin: () => Operation<T>): Promise<T> {
    const { world } = this.#server
    const untilMs = world.nowMs + PATIENCE_MS
    let isFirst = true
    return (await this.#connected()).write(() => {
      if (!isFirst && world.nowMs > untilMs) throw new DatabaseUnavailableError('conflict after conflict')
      isFirst = false
      return begin()
    })
  }

  async read<T>(begin: () => Operation<T>): Promise<T> {
    return (await this.#connected()).read(begin)
  }

  async clockMs(): Promise<number> {
    return (await this.#connected()).clockMs()
  }

  async close(): Promise<void> {
    this.end()
  }

  /** The connection breaks: what is under way is undone, unless its commit has arrived. */
  drop(): void {
    this.#connection?.cut()
    this.#connection = undefined
  }

  /** Its thread is dead. */
  end(): void {
    this.#isOver = true
    this.drop()
    for (const resolve of this.#awaited) resolve()
    this.#awaited.clear()
    this.#server.forget(this.#nodeId, this)
  }

  async #connected(): Promise<Database> {
    const isOpen = () => !this.#isOver && this.#server.reaches(this.#nodeId)
    if (this.#connection === undefined && isOpen()) {
      await this.#pause()
      const { model } = this.#server
      if (isOpen())
        this.#connection ??= model.connect(this.#server.faultsFor(this.#nodeId), () => this.#pause())
    }
    if (this.#connection === undefined) throw new DatabaseUnavailableError('out of reach')
    return this.#connection
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited.add(resolve)
      const arrive = () => {
        this.#awaited.delete(resolve)
        resolve()
      }
      const { world } = this.#server
      world.environment.wake(this.#server.delayMs(), () => {
        if (this.#isOver) arrive()
        else this.#machine.run(arrive)
      })
    })
  }
}
