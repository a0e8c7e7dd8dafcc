/**
 * The model of Redis: the embedded store, whose rules the store's suite holds beside the real one's, behind a network
 * and with failures of its own.
 */
import { StoreUnavailableError } from '../../src/errors/errors.js'
import type { Assertion, AssertOutcome, Holder, Snapshot, UserId } from '../../src/rules/types.js'
import type { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { NodeSettings, Store } from '../../src/store/ports/store.js'
import { interceptStore } from './intercepted-store.js'
import { type Network, NetworkCarrier, Path } from './network.js'
import type { SyncLife } from './node.js'

/** What all nodes have in common, and how long a sweep of many users may take, ms. */
type ServerSettings = Omit<NodeSettings, 'nodeId' | 'processId'> & { sweepMaxMs: number }

/** One life of a node's sync, as the server's client. */
export function distantStore(
  network: Network,
  backend: MemoryBackend,
  { sweepMaxMs, ...settings }: ServerSettings,
  { nodeId, processId, machine, isOver }: SyncLife,
): Store {
  const path = new Path(network, nodeId, machine)
  const carrier = new NetworkCarrier(path, isOver)
  const server = new ErringStore(network, backend, { ...settings, nodeId, processId }, carrier, sweepMaxMs)
  // In the order in which they come.
  const recorder = network.lane(() => network.weather.slowAssertMs)
  return interceptStore(server, (name, call, args) => {
    network.traffic.called(name)
    if (name === 'send' || name === 'close') return call(...args)
    if (name !== 'assert') return callFar(path, () => call(...args) as Promise<unknown>)
    carrier.flush()
    return callFar(path, async () => {
      if (network.weather.slowAssertMs > 0) await new Promise<void>(recorder)
      return call(...args)
    })
  })
}

/** A call that is lost on its way has an unknown outcome, and fails. */
function callFar<T>(path: Path, call: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = () => path.back(() => reject(new StoreUnavailableError('out of reach')))
    path.there(() => {
      if (!path.isOpen) return fail()
      call().then(
        (value) => {
          if (path.isOpen) path.back(() => resolve(value))
          else fail()
        },
        (error) => path.back(() => reject(error)),
      )
    })
  })
}

/** While errors are in the air, calls fail as a whole (applied or not), and single users do. */
class ErringStore extends MemoryStore {
  readonly #network: Network
  readonly #sweepMaxMs: number

  constructor(
    network: Network,
    backend: MemoryBackend,
    options: NodeSettings,
    carrier: NetworkCarrier,
    sweepMaxMs: number,
  ) {
    super(backend, options, carrier)
    this.#network = network
    this.#sweepMaxMs = sweepMaxMs
  }

  override async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    this.#mayFail()
    const served = batch.filter(() => !this.#errs())
    const outcomes = await super.assert(served)
    this.#mayFail()
    const byUser = new Map(outcomes.map((outcome) => [outcome.userId, outcome]))
    return batch.map(({ userId }) => byUser.get(userId) ?? { ok: false, userId, error: 'a made-up error' })
  }

  override async watch(userIds: UserId[]): Promise<Snapshot[]> {
    this.#mayFail()
    return super.watch(userIds.filter(() => !this.#errs()))
  }

  override async sweep(dead: Holder): Promise<number> {
    const { world, random } = this.#network
    await new Promise<void>((resolve) => world.environment.wake(random() * this.#sweepMaxMs, resolve))
    return super.sweep(dead)
  }

  #mayFail(): void {
    if (this.#errs()) throw new StoreUnavailableError('a made-up error')
  }

  #errs(): boolean {
    const { errorShare } = this.#network.weather
    return errorShare > 0 && this.#network.random() < errorShare
  }
}
