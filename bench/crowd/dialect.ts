/** The clients of one peer, in its protocol: they come and leave, and count the messages that they get. */
import type { Account, Dialect } from '../peers/peer.js'
import type { Scope } from '../support/scope.js'
import { type AnswerOf, CrowdProcess } from './crowd-process.js'

/** What the process is started with. */
export interface DialectSettings {
  dialect: Dialect
  ports: number[]
}

/** `told`: messages about a user that the whole crowd is to get by it. */
export type DialectOrder =
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

export type DialectAnswer =
  /** `seconds`: from the first connect or goodbye until the last client has heard what it waits for. */
  | { verb: 'done'; seconds: number; cpuSeconds: number }
  /**
   * Of each change: from the connect, or the goodbye, until the last watcher was told. `crowdPart`: of a core, pauses
   * included.
   */
  | { verb: 'toggled'; arrivalsMs: Float64Array; departuresMs: Float64Array; crowdPart: number }
  | { verb: 'counted'; online: number; offline: number }

type Done<V extends DialectAnswer['verb']> = Promise<AnswerOf<DialectAnswer, V>>
type OrderOf<V extends DialectOrder['verb']> = Omit<Extract<DialectOrder, { verb: V }>, 'verb'>

export class PeerCrowd {
  private constructor(private readonly process: CrowdProcess<DialectOrder, DialectAnswer>) {}

  static start(scope: Scope, settings: DialectSettings): PeerCrowd {
    return new PeerCrowd(CrowdProcess.start(scope, 'dialect', { name: 'the crowd', settings }))
  }

  /** `until`: logged in; told of changes from now on; or knowing that all users that they watch are online. */
  come(order: OrderOf<'come'>): Done<'done'> {
    return this.process.answered('done', { verb: 'come', ...order })
  }

  leave(order: OrderOf<'leave'>): Done<'done'> {
    return this.process.answered('done', { verb: 'leave', ...order })
  }

  toggle(order: OrderOf<'toggle'>): Done<'toggled'> {
    return this.process.answered('toggled', { verb: 'toggle', ...order })
  }

  count(): Done<'counted'> {
    return this.process.answered('counted', { verb: 'count' })
  }
}
