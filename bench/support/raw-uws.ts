/** The raw ceiling of everything about sockets: uWebSockets.js itself, in a process of its own. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { COLLECTABLE, collectGarbage } from '../../test/support/collectable.js'
import type { Scope } from './scope.js'

export type RawAnswer =
  | { verb: 'listening'; port: number }
  | { verb: 'stats'; heapBytes: number; connections: number }

export class RawUws {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  get pid(): number {
    return this.child.pid!
  }

  /**
   * Sockets that ask for `/watch` subscribe to a topic; each socket that asks for `/star` publishes `online` when
   * it comes and `offline` when it goes; each that asks for `/greet` gets `online` as a text. Others are idle.
   */
  static async start(scope: Scope, online: Uint8Array, offline: Uint8Array): Promise<RawUws> {
    const texts = [online, offline].map((bytes) => Buffer.from(bytes).toString('base64'))
    const child = scope.fork(new URL('./raw-uws-process.js', import.meta.url), texts, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: COLLECTABLE,
    })
    const ended = once(child, 'exit').then(() => {
      throw new Error('the raw server does not start: see above')
    })
    // Its later, ordinary end is nobody's failure.
    ended.catch(() => {})
    const [answer] = (await Promise.race([once(child, 'message'), ended])) as [
      Extract<RawAnswer, { verb: 'listening' }>,
    ]
    return new RawUws(child, answer.port)
  }

  collectGarbage(): void {
    collectGarbage(this.child)
  }

  /** JavaScript heap in use, and how many sockets are open. */
  async stats(): Promise<Extract<RawAnswer, { verb: 'stats' }>> {
    this.child.send('stats')
    const [answer] = (await once(this.child, 'message')) as [Extract<RawAnswer, { verb: 'stats' }>]
    return answer
  }
}
