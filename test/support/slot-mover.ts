/** Moves slots between the masters of a Redis Cluster, step by step, as redis-cli does. */
import type { Redis } from 'ioredis'
import type { RedisServer } from './redis.js'

export class Mover {
  readonly #clients: Redis[]

  constructor(masters: RedisServer[]) {
    this.#clients = masters.map((master) => master.client())
  }

  async #idOf(master: number): Promise<string> {
    return String(await this.#clients[master]!.call('CLUSTER', 'MYID'))
  }

  /** The index of the master that serves a key. */
  async ownerOf(key: string): Promise<number> {
    for (const [i, client] of this.#clients.entries()) {
      const served = await client.call('EXISTS', key).then(
        () => true,
        () => false,
      )
      if (served) return i
    }
    throw new Error(`Nobody serves ${key}.`)
  }

  async begin(slot: number, from: number, to: number): Promise<void> {
    await this.#clients[to]!.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await this.#idOf(from))
    await this.#clients[from]!.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await this.#idOf(to))
  }

  async moveKeys(slot: number, from: number, to: number, atMost = 1000): Promise<void> {
    const keys = (await this.#clients[from]!.call('CLUSTER', 'GETKEYSINSLOT', slot, atMost)) as string[]
    const port = this.#clients[to]!.options.port!
    for (const key of keys) await this.#clients[from]!.call('MIGRATE', '127.0.0.1', port, key, 0, 5000)
  }

  async finish(slot: number, from: number, to: number): Promise<void> {
    const id = await this.#idOf(to)
    await this.#clients[to]!.call('CLUSTER', 'SETSLOT', slot, 'NODE', id)
    await this.#clients[from]!.call('CLUSTER', 'SETSLOT', slot, 'NODE', id)
  }

  /** All steps, and every master is told: by word of mouth some would hear of it only a second later. */
  async move(slot: number, from: number, to: number): Promise<void> {
    await this.begin(slot, from, to)
    // What is written meanwhile goes to the new side.
    await this.moveKeys(slot, from, to)
    await this.finish(slot, from, to)
    const id = await this.#idOf(to)
    for (const [other, client] of this.#clients.entries()) {
      if (other !== from && other !== to) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', id)
    }
  }
}
