/** What is asked one by one within a turn of the event loop, and goes out together. */
import type { Reply } from './dispatch.js'

interface Asked<T, R> {
  item: T
  resolve: (reply: R) => void
  reject: (error: unknown) => void
}

export class TurnBatch<T, R> {
  readonly #call: (items: T[]) => Promise<Reply<R>[]>
  readonly #callMax: number
  readonly #asked: Asked<T, R>[] = []

  /** `call`: replies in the order of the items, of which there are at most `callMax`. */
  constructor(callMax: number, call: (items: T[]) => Promise<Reply<R>[]>) {
    this.#callMax = callMax
    this.#call = call
  }

  /** Rejects as the call does, or with the text of this item's own failure. */
  ask(item: T): Promise<R> {
    if (this.#asked.length === 0) queueMicrotask(() => this.#sendAll())
    return new Promise((resolve, reject) => {
      this.#asked.push({ item, resolve, reject })
    })
  }

  #sendAll(): void {
    while (this.#asked.length > 0) void this.#send(this.#asked.splice(0, this.#callMax))
  }

  async #send(asked: Asked<T, R>[]): Promise<void> {
    try {
      const replies = await this.#call(asked.map(({ item }) => item))
      for (const [i, { resolve, reject }] of asked.entries()) {
        const reply = replies[i]!
        if (reply.ok) resolve(reply.reply)
        else reject(reply.error)
      }
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}
