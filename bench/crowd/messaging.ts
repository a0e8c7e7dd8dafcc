/** Users who chat in pairs: they send, hear what came of it, and are pushed their own messages and each other's. */
import type { UserId } from '../../src/rules/types.js'
import type { Scope } from '../support/scope.js'
import { CrowdProcess } from './crowd-process.js'

export type MessagingOrder =
  /** All of them connect, a path each, and hear that all is well. */
  | { verb: 'come'; port: number; paths: string[]; userIds: UserId[] }
  /** One user sends one message. */
  | { verb: 'one'; n: number }
  /** Everybody has one message under way at any time, until so many were sent. */
  | { verb: 'exchange'; count: number }
  /** The same, until told to stop. */
  | { verb: 'begin' }
  | { verb: 'stop' }

/** Of one message, by the clock of the crowd. */
export interface OneSent {
  /** Until its sender had the reply, the receiver the push, the sender the push. */
  replyMs: number
  pushMs: number
  ownMs: number
  /** The payloads of the frames. */
  reply: Uint8Array
  push: Uint8Array
}

/** Of messages that were all answered, and all pushed to both. */
export interface Exchanged {
  sends: number
  /** From the first frame sent to the last one heard. */
  seconds: number
  /** Of each, from its sending to the reply. */
  latenciesMs: Float64Array
  cpuSeconds: number
}

export type MessagingAnswer =
  | { verb: 'in' }
  | { verb: 'begun' }
  | ({ verb: 'sent' } & OneSent)
  | ({ verb: 'done' } & Exchanged)

export class MessagingCrowd {
  private constructor(private readonly process: CrowdProcess<MessagingOrder, MessagingAnswer>) {}

  static start(scope: Scope): MessagingCrowd {
    return new MessagingCrowd(CrowdProcess.start(scope, 'messaging', { name: 'the chatting crowd' }))
  }

  async come(port: number, paths: string[], userIds: UserId[]): Promise<void> {
    await this.process.answered('in', { verb: 'come', port, paths, userIds })
  }

  /** `n`: who sends. Nothing else is to be under way. */
  one(n: number): Promise<OneSent> {
    return this.process.answered('sent', { verb: 'one', n })
  }

  exchange(count: number): Promise<Exchanged> {
    return this.process.answered('done', { verb: 'exchange', count })
  }

  /** Returns how to stop; it resolves when all is answered and pushed. */
  async begin(): Promise<() => Promise<Exchanged>> {
    await this.process.answered('begun', { verb: 'begin' })
    return () => this.process.answered('done', { verb: 'stop' })
  }
}
