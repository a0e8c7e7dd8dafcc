/** Many light WebSocket clients in a process of their own, so that they take no time from what is measured. */
import type { ChildProcess } from 'node:child_process'
import { handshakeQuery } from '../../src/client/openim-handshake.js'
import type { Scope } from './scope.js'

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
  /** Count anew; answer when every socket of the party has `frames` frames. */
  | { verb: 'expect'; party: string; frames: number }
  /** How many frames there are by now: the least and the most of a socket, and the bytes of all. */
  | { verb: 'count'; party: string }

export type CrowdAnswer =
  /** `seconds`: from the first connect to the last socket that has heard all it waits for. */
  | { verb: 'opened'; seconds: number; cpuSeconds: number }
  | { verb: 'asked' }
  | { verb: 'left' }
  | { verb: 'expecting' }
  | { verb: 'complete'; atNs: bigint }
  | { verb: 'counted'; least: number; most: number; bytes: number }
  | { verb: 'failed'; reason: string }

interface OpenOptions {
  isGreeted?: boolean
  frames?: Uint8Array[]
  atOnce?: number
}

const AT_ONCE = 64

type AnswerOf<V extends CrowdAnswer['verb']> = Extract<CrowdAnswer, { verb: V }>

export class Crowd {
  readonly #child: ChildProcess
  /** Orders are given one after another. */
  #waiting: (answer: CrowdAnswer) => void = () => {}

  #failure: Error | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    const hear = (answer: CrowdAnswer) => {
      if (answer.verb === 'failed') this.#failure = new Error(answer.reason)
      this.#waiting(answer)
    }
    child.on('message', hear)
    child.once('exit', () => hear({ verb: 'failed', reason: 'the crowd has gone' }))
  }

  get pid(): number {
    return this.#child.pid!
  }

  static start(scope: Scope): Crowd {
    const child = scope.fork(new URL('./crowd-process.js', import.meta.url), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    return new Crowd(child)
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
    return this.#answered('opened', { verb: 'open', party, port, paths, frames: encoded, isGreeted, atOnce })
  }

  /** `frames`: one for each path that the party was opened with, as for `open`. */
  async ask(party: string, frames: Uint8Array[], { atOnce = AT_ONCE } = {}): Promise<void> {
    await this.#answered('asked', { verb: 'ask', party, frames: encode(frames), atOnce })
  }

  /** The party is over then, and its name free. */
  async leave(party: string): Promise<void> {
    await this.#answered('left', { verb: 'leave', party })
  }

  /** Returns how to wait for the last frame of the last socket; it gives the time of the system's clock, ns. */
  async expect(party: string, frames: number): Promise<() => Promise<bigint>> {
    await this.#answered('expecting', { verb: 'expect', party, frames })
    const complete = this.#answered('complete')
    return async () => (await complete).atNs
  }

  count(party: string): Promise<AnswerOf<'counted'>> {
    return this.#answered('counted', { verb: 'count', party })
  }

  async #answered<V extends CrowdAnswer['verb']>(verb: V, order?: CrowdOrder): Promise<AnswerOf<V>> {
    if (this.#failure !== undefined) throw this.#failure
    const waiting = new Promise<CrowdAnswer>((resolve) => {
      this.#waiting = resolve
    })
    if (order !== undefined) this.#child.send(order)
    const answer = await waiting
    if (answer.verb === 'failed') throw this.#failure
    if (answer.verb !== verb) throw new Error(`the crowd answers ${answer.verb} instead of ${verb}`)
    return answer as AnswerOf<V>
  }
}

function encode(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame).toString('base64'))
}

/** Where a socket of the crowd logs in at a gateway, and is greeted with the verdict. */
export function openimPath(userId: string, platformId: number, token: string): string {
  return `/?${handshakeQuery({ url: '', token, userId, platformId, isMsgResp: true })}`
}
