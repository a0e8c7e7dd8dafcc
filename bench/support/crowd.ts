/** Many light WebSocket clients in a process of their own, so that they take no time from what is measured. */
import type { Scope } from './scope.js'
import { type Failed, WorkerProcess } from './worker-process.js'

/** What the crowd is told. A party is a number of sockets to one server. */
export type CrowdOrder =
  /** Connect `paths.length` sockets, hear the greetings, send each its frame if there is one, and hear the reply. */
  | {
      verb: 'open'
      party: string
      port: number
      paths: string[]
      frames?: string[]
      isGreeted: boolean
      atOnce: number
    }
  /** Each socket of the party sends its frame, in the order of the paths, and hears the reply. */
  | { verb: 'ask'; party: string; frames: string[]; atOnce: number }
  /** Say goodbye on every socket of the party, and wait for their ends. */
  | { verb: 'leave'; party: string }
  /** Count anew; answer when every socket of the party has so many of them. */
  | { verb: 'expect'; party: string; what: 'frames' | 'pings'; count: number }
  /** How many frames there are by now: the least and the most of a socket, and the bytes of all; and all pings. */
  | { verb: 'count'; party: string }

export type CrowdAnswer =
  /** `seconds`: from the first connect to the last socket that has heard all it waits for. */
  | { verb: 'opened'; seconds: number; cpuSeconds: number }
  | { verb: 'asked' }
  | { verb: 'left' }
  | { verb: 'expecting' }
  | { verb: 'complete'; atNs: bigint }
  | { verb: 'counted'; least: number; most: number; bytes: number; pings: number }
  | Failed

interface OpenOptions {
  isGreeted?: boolean
  frames?: Uint8Array[]
  atOnce?: number
}

const AT_ONCE = 64

type AnswerOf<V extends CrowdAnswer['verb']> = Extract<CrowdAnswer, { verb: V }>

export class Crowd {
  private constructor(private readonly worker: WorkerProcess<CrowdOrder, CrowdAnswer>) {}

  static start(scope: Scope): Crowd {
    return new Crowd(WorkerProcess.start(scope, new URL('./crowd-process.js', import.meta.url), 'the crowd'))
  }

  get pid(): number {
    return this.worker.pid
  }

  /**
   * `isGreeted`: the server has a frame for each socket that comes, as a gateway has its verdict. `frames`: one for
   * each path, payload bytes of a binary frame to send, which the server answers. `atOnce`: sockets that are on their
   * way at one time.
   */
  open(
    party: string,
    port: number,
    paths: string[],
    { isGreeted = false, frames, atOnce = AT_ONCE }: OpenOptions = {},
  ): Promise<AnswerOf<'opened'>> {
    const encoded = frames && encode(frames)
    return this.worker.answered('opened', {
      verb: 'open',
      party,
      port,
      paths,
      frames: encoded,
      isGreeted,
      atOnce,
    })
  }

  /** `frames`: one for each path that the party was opened with, as for `open`. */
  async ask(party: string, frames: Uint8Array[], { atOnce = AT_ONCE } = {}): Promise<void> {
    await this.worker.answered('asked', { verb: 'ask', party, frames: encode(frames), atOnce })
  }

  /** The party is over then, and its name free. */
  async leave(party: string): Promise<void> {
    await this.worker.answered('left', { verb: 'leave', party })
  }

  /** Returns how to wait for the last frame of the last socket; it gives the time of the system's clock, ns. */
  expect(party: string, frames: number): Promise<() => Promise<bigint>> {
    return this.#expect({ verb: 'expect', party, what: 'frames', count: frames })
  }

  /** The same for pings. */
  expectPings(party: string, pings: number): Promise<() => Promise<bigint>> {
    return this.#expect({ verb: 'expect', party, what: 'pings', count: pings })
  }

  count(party: string): Promise<AnswerOf<'counted'>> {
    return this.worker.answered('counted', { verb: 'count', party })
  }

  async #expect(order: CrowdOrder): Promise<() => Promise<bigint>> {
    await this.worker.answered('expecting', order)
    const complete = this.worker.answered('complete')
    return async () => (await complete).atNs
  }
}

function encode(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame).toString('base64'))
}
