/** The clients of one peer, in a process of their own: who comes, who leaves, and what each is told, counted. */
import type { ChildProcess } from 'node:child_process'
import type { Scope } from '../support/scope.js'
import type { Account, Dialect } from './peer.js'

/** What the process is started with. */
export interface CrowdSettings {
  dialect: Dialect
  ports: number[]
}

/** `told`: messages about a user that the whole crowd is to get by it. */
export type CrowdOrder =
  | {
      verb: 'come'
      accounts: Account[]
      /** Place of the node in `ports`. */
      node: number
      atOnce: number
      until: 'loggedIn' | 'watching' | 'allOnline'
      told?: number
    }
  | { verb: 'leave'; userIds: string[]; atOnce: number; told?: number }
  /** Come and leave, one after another, each change told before the next, and then a pause. */
  | { verb: 'toggle'; accounts: Account[]; node: number; told: number; pauseMs: number }
  /** What the crowd was told since the last time. */
  | { verb: 'count' }

export type CrowdAnswer =
  /** `seconds`: from the first connect or goodbye until the last client has heard what it waits for. */
  | { verb: 'done'; seconds: number; cpuSeconds: number }
  /**
   * Of each change: from the connect, or the goodbye, until the last watcher was told. `crowdPart`: of a core, pauses
   * included.
   */
  | { verb: 'toggled'; arrivalsMs: Float64Array; departuresMs: Float64Array; crowdPart: number }
  | { verb: 'counted'; online: number; offline: number }
  | { verb: 'failed'; reason: string }

export type AnswerOf<V extends CrowdAnswer['verb']> = Extract<CrowdAnswer, { verb: V }>
type OrderOf<V extends CrowdOrder['verb']> = Omit<Extract<CrowdOrder, { verb: V }>, 'verb'>

export class PeerCrowd {
  /** Orders are given one after another. */
  #waiting: ((answer: CrowdAnswer) => void) | undefined
  #failure: string | undefined

  private constructor(private readonly child: ChildProcess) {
    const hear = (answer: CrowdAnswer) => {
      if (answer.verb === 'failed') this.#failure ??= answer.reason
      this.#waiting?.(answer)
    }
    child.on('message', hear)
    child.once('exit', () => hear({ verb: 'failed', reason: 'the crowd has gone' }))
  }

  static start(scope: Scope, settings: CrowdSettings): PeerCrowd {
    const child = scope.fork(new URL('./crowd-process.js', import.meta.url), [JSON.stringify(settings)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    return new PeerCrowd(child)
  }

  /** `until`: logged in; told of changes from now on; or knowing that everybody whom they watch is online. */
  come(order: OrderOf<'come'>): Promise<AnswerOf<'done'>> {
    return this.#ask({ verb: 'come', ...order }, 'done')
  }

  leave(order: OrderOf<'leave'>): Promise<AnswerOf<'done'>> {
    return this.#ask({ verb: 'leave', ...order }, 'done')
  }

  toggle(order: OrderOf<'toggle'>): Promise<AnswerOf<'toggled'>> {
    return this.#ask({ verb: 'toggle', ...order }, 'toggled')
  }

  count(): Promise<AnswerOf<'counted'>> {
    return this.#ask({ verb: 'count' }, 'counted')
  }

  async #ask<V extends CrowdAnswer['verb']>(order: CrowdOrder, verb: V): Promise<AnswerOf<V>> {
    if (this.#failure !== undefined) throw new Error(this.#failure)
    const answered = new Promise<CrowdAnswer>((resolve) => {
      this.#waiting = resolve
    })
    this.child.send(order)
    const answer = await answered
    if (answer.verb === 'failed') throw new Error(answer.reason)
    if (answer.verb !== verb) throw new Error(`the crowd answers ${answer.verb} instead of ${verb}`)
    return answer as AnswerOf<V>
  }
}
