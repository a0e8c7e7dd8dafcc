/** The raw ceiling of sending: uWebSockets.js, which answers each frame and pushes the same bytes, in a process of its own. */
import { once } from 'node:events'
import type { Scope } from './scope.js'

export interface RelayFrames {
  /** The text that greets a client. */
  greeting: Uint8Array
  reply: Uint8Array
  push: Uint8Array
}

export class RawRelay {
  private constructor(
    readonly pid: number,
    readonly port: number,
  ) {}

  /** The path of a socket is `/<own number>/<its peer's>`: a frame that comes is replied to, and pushed to both. */
  static async start(scope: Scope, { greeting, reply, push }: RelayFrames): Promise<RawRelay> {
    const frames = [greeting, reply, push].map((bytes) => Buffer.from(bytes).toString('base64'))
    const child = scope.fork(new URL('./raw-relay-process.js', import.meta.url), frames, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const ended = once(child, 'exit').then(() => {
      throw new Error('the relay does not start: see above')
    })
    // Its later, ordinary end is nobody's failure.
    ended.catch(() => {})
    const [port] = (await Promise.race([once(child, 'message'), ended])) as [number]
    return new RawRelay(child.pid!, port)
  }
}
