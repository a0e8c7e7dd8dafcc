/**
 * Two worker threads that talk, over the actor runtime or over bare ports: the same threads, payloads and windows
 * for both, so that what differs is the runtime.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Scope } from './scope.js'

/** `runtime`: actors and a link. `postMessage`: one object a message. `batches`: 256 objects a msgpack buffer. */
export type Way = 'runtime' | 'postMessage' | 'batches'

export type Order = { verb: 'tell'; way: Way; count: number } | { verb: 'ask'; way: Way; count: number }

export type Done =
  /** `received` and `sum` are what the far thread counted; the clock stopped when it had the last one. */
  | { verb: 'tell'; seconds: number; received: number; sum: number }
  | { verb: 'ask'; tripsUs: Float64Array; answered: number }

/** What a thread of the pair is started with. Each way has a channel of its own. */
export interface PairData {
  side: 'near' | 'far'
  ports: Record<Way, MessagePort>
}

export class ThreadPair {
  readonly #near: Worker

  private constructor(near: Worker) {
    this.#near = near
  }

  static start(scope: Scope): ThreadPair {
    const channels = {
      runtime: new MessageChannel(),
      postMessage: new MessageChannel(),
      batches: new MessageChannel(),
    }
    const start = (side: PairData['side'], end: 'port1' | 'port2') => {
      const ports = {
        runtime: channels.runtime[end],
        postMessage: channels.postMessage[end],
        batches: channels.batches[end],
      }
      const worker = new Worker(new URL('./thread-pair-worker.js', import.meta.url), {
        workerData: { side, ports } satisfies PairData,
        transferList: Object.values(ports),
      })
      scope.defer(() => worker.terminate())
      return worker
    }
    start('far', 'port2')
    return new ThreadPair(start('near', 'port1'))
  }

  async tell(way: Way, count: number): Promise<Extract<Done, { verb: 'tell' }>> {
    return (await this.#order({ verb: 'tell', way, count })) as Extract<Done, { verb: 'tell' }>
  }

  async ask(way: Way, count: number): Promise<Extract<Done, { verb: 'ask' }>> {
    return (await this.#order({ verb: 'ask', way, count })) as Extract<Done, { verb: 'ask' }>
  }

  #order(order: Order): Promise<Done> {
    return new Promise((resolve, reject) => {
      this.#near.once('message', (done: Done) => {
        this.#near.off('error', reject)
        resolve(done)
      })
      this.#near.once('error', reject)
      this.#near.postMessage(order)
    })
  }
}
