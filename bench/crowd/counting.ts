/** Light WebSocket clients that count what they get, of any server. */
import type { Scope } from '../support/scope.js'
import { type AnswerOf, CrowdProcess } from './crowd-process.js'

/** What the crowd is told. A party is a number of sockets to one server. */
export type CountingOrder =
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

export type CountingAnswer =
  /** `seconds`: from the first connect to the last socket that has heard all it waits for. */
  | { verb: 'opened'; seconds: number; cpuSeconds: number }
  | { verb: 'asked' }
  | { verb: 'left' }
  | { verb: 'expecting' }
  | { verb: 'complete'; atNs: bigint }
  | { verb: 'counted'; least: number; most: number; bytes: number; pings: number }

interface OpenOptions {
  isGreeted?: boolean
  frames?: Uint8Array[]
  atOnce?: number
}

const AT_ONCE = 64

export class CountingCrowd {
  private constructor(private readonly process: CrowdProcess<CountingOrder, CountingAnswer>) {}

  static start(scope: Scope): CountingCrowd {
    return new CountingCrowd(CrowdProcess.start(scope, 'counting', { name: 'the crowd' }))
  }

  get pid(): number {
    return this.process.pid
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
  ): Promise<AnswerOf<CountingAnswer, 'opened'>> {
    const encoded = frames && encode(frames)
    return this.process.answered('opened', {
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
    await this.process.answered('asked', { verb: 'ask', party, frames: encode(frames), atOnce })
  }

  /** The party is over then, and its name free. */
  async leave(party: string): Promise<void> {
    await this.process.answered('left', { verb: 'leave', party })
  }

  /** Returns how to wait for the last frame of the last socket; it gives the time of the system's clock, ns. */
  expect(party: string, frames: number): Promise<() => Promise<bigint>> {
    return this.#expect({ verb: 'expect', party, what: 'frames', count: frames })
  }

  /** The same for pings. */
  expectPings(party: string, pings: number): Promise<() => Promise<bigint>> {
    return this.#expect({ verb: 'expect', party, what: 'pings', count: pings })
  }

  count(party: string): Promise<AnswerOf<CountingAnswer, 'counted'>> {
    return this.process.answered('counted', { verb: 'count', party })
  }

  async #expect(order: CountingOrder): Promise<() => Promise<bigint>> {
    await this.process.answered('expecting', order)
    const complete = this.process.answered('complete')
    return async () => (await complete).atNs
  }
}

function encode(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame).toString('base64'))
}
