/**
 * The listening connection: one for each node, on one server or, in a Cluster, on the master that serves the slot
 * of the node's channel. Sharded pub/sub in a Cluster, plain on one server; OpenIM's channel is plain on both (a
 * Cluster carries it to every server).
 *
 *     locate -> connect -> subscribe -> [listening] -> lost or moved -> wait -> locate ...
 *
 * Whoever listens again has missed what was said meanwhile: that is told, once the server has confirmed.
 */
import type { Redis } from 'ioredis'
import { reasonOf } from '../../errors.js'
import { type Log, reconnectDelayMs } from './options.js'

export interface SubscriberOptions {
  /** A client for the server that carries the channel now; may read the slot table first. */
  locate(): Promise<Redis>
  /** Subscribed by SSUBSCRIBE where `sharded`, else by SUBSCRIBE. */
  nodeChannel: string
  sharded: boolean
  /** Subscribed by SUBSCRIBE. */
  plainChannels: string[]
  onMessage(channel: string, payload: Buffer): void
  /** Listening again after a loss; `reason` is why it was lost. */
  onResubscribed(reason: string): void
  reconnectMaxMs: number
  log: Log
}

export class Subscriber {
  readonly #options: SubscriberOptions
  #client: Redis | undefined
  #stopped = false
  #attempts = 0
  #retry: NodeJS.Timeout | undefined
  /** Why the last attempt to listen failed, while nothing is listened to. */
  #fault: string | undefined

  constructor(options: SubscriberOptions) {
    this.#options = options
  }

  /** Resolves when the server has confirmed the subscriptions; rejects when the first attempt fails. */
  async start(): Promise<void> {
    this.#stopped = false
    await this.#listen()
  }

  /** Find out whether the connection still carries anything: silence alone does not tell. */
  check(): void {
    const client = this.#client
    client?.ping().catch((error: Error) => {
      if (client === this.#client) this.#lost(error.message)
    })
  }

  /** Why nothing is listened to just now; undefined = as far as the connection knows, all is. */
  get fault(): string | undefined {
    return this.#client === undefined ? (this.#fault ?? 'the listening connection is being made') : undefined
  }

  /** The connection is there, and carries nothing: make another. */
  reconnect(reason: string): void {
    if (this.#client !== undefined) this.#lost(reason)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#retry)
    this.#client?.disconnect()
    this.#client = undefined
  }

  async #listen(): Promise<void> {
    const { nodeChannel, sharded, plainChannels, onMessage } = this.#options
    const client = await this.#options.locate()
    client.on('error', () => {})
    try {
      await client.connect()
      const deliver = (channel: Buffer, payload: Buffer) => onMessage(channel.toString(), payload)
      client.on('messageBuffer', deliver)
      client.on('smessageBuffer', deliver)
      if (sharded) await client.ssubscribe(nodeChannel)
      const plain = sharded ? plainChannels : [nodeChannel, ...plainChannels]
      if (plain.length > 0) await client.subscribe(...plain)
      if (this.#stopped) throw new Error('The subscriber was stopped.')
    } catch (error) {
      client.disconnect()
      throw error
    }
    this.#client = client
    this.#fault = undefined
    this.#attempts = 0
    client.once('end', () => {
      if (client === this.#client) this.#lost('the subscriber connection was lost')
    })
    // The server says so when the slot of a sharded channel has moved away.
    client.once('moved', () => {
      if (client === this.#client) this.#lost('the slot of the node channel moved')
    })
  }

  #lost(reason: string): void {
    this.#fault = reason
    this.#client?.disconnect()
    this.#client = undefined
    if (!this.#stopped) this.#tryAgain(reason)
  }

  #tryAgain(reason: string): void {
    this.#attempts++
    const delayMs = reconnectDelayMs(this.#attempts, this.#options.reconnectMaxMs)
    this.#retry = setTimeout(() => {
      this.#listen().then(
        () => this.#options.onResubscribed(reason),
        (error: Error) => {
          this.#fault = reasonOf(error)
          this.#options.log('warn', 'cannot subscribe, trying again', { error: error.message, reason })
          if (!this.#stopped) this.#tryAgain(reason)
        },
      )
    }, delayMs)
  }
}
