/**
 * A word of this process to itself, over the channel of its node: published on the command connection as other nodes
 * publish, and heard on the listening one, or not.
 */
import { randomUUID } from 'node:crypto'
import { StoreUnavailableError } from '../../errors/errors.js'

/** No message of a node begins so: `p` is a number in msgpack, and messages are maps or arrays. */
const MARK = 'probe '

export interface ChannelProbeOptions {
  publish(payload: Buffer): Promise<unknown>
  /** Why nothing is listened to just now; undefined = the connection is there. */
  fault(): string | undefined
  /** Published messages do not arrive: the listening connection must be replaced. */
  onDeaf(reason: string): void
  deadlineMs?: number
}

/** A note to the own channel takes a round trip; so long it takes only where it is lost. */
const DEADLINE_MS = 2_000

export class ChannelProbe {
  readonly #options: ChannelProbeOptions
  readonly #waiting = new Map<string, () => void>()

  constructor(options: ChannelProbeOptions) {
    this.#options = options
  }

  /** Resolves when it was heard. Rejects with STORE_UNAVAILABLE, whose message says why it was not. */
  async run(): Promise<void> {
    const { publish, fault, onDeaf, deadlineMs = DEADLINE_MS } = this.#options
    const broken = fault()
    if (broken !== undefined) throw new StoreUnavailableError(broken)
    const word = MARK + randomUUID()
    let timer: NodeJS.Timeout | undefined
    const heard = new Promise<void>((resolve, reject) => {
      this.#waiting.set(word, resolve)
      timer = setTimeout(() => {
        const reason = `a note to the own channel was published and not heard within ${deadlineMs} ms`
        onDeaf(reason)
        reject(new StoreUnavailableError(reason))
      }, deadlineMs)
    })
    try {
      await Promise.all([publish(Buffer.from(word)), heard])
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(word)
    }
  }

  /** True = it was a probe, of this process or of another that has the same name. */
  hears(payload: Buffer): boolean {
    if (payload[0] !== MARK.charCodeAt(0)) return false
    const word = payload.toString()
    if (!word.startsWith(MARK)) return false
    this.#waiting.get(word)?.()
    return true
  }
}
