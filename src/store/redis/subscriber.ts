/**
 * The listening connection: one for each node, on one server or, in a Cluster, on the master that serves the slot
 * of the node's channel. Sharded pub/sub in a Cluster, plain on one server; OpenIM's channel is plain on both (a
 * Cluster carries it to every server).
 *
 *     locate -> connect -> subscribe -> [listening] -> lost or moved -> wait -> locate ...
 *
 * Off a Cluster it listens at the server that commands go to, and nowhere else: an address may lead to another server
 * from one connection to the next. Whichever of the two connections is made later says where it leads to now.
 *
 * Messages published while the subscription was lost are missed: that is reported once the server has confirmed the new
 * one.
 */
import type { Redis } from 'ioredis'
import { within } from './server/deadline.js'
import { type Log, reconnectDelayMs } from './server/options.js'

/** Longer than any connection takes whose server is well; what is under way then is given up. */
const CONNECT_DEADLINE_MS = 15_000

export interface SubscriberOptions {
  /** A client for the server that carries the channel now; may read the slot table first. */
  locate(): Promise<Redis>
  /** The client is connected to another server than commands go to. */
  isElsewhere(client: Redis): boolean
  /** A new connection has led to another server than commands go to. */
  onElsewhere(reason: string): void
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
  #failure: string | undefined

  constructor(options: SubscriberOptions) {
    this.#options = options
  }

  /** Why nothing is heard now; undefined while it listens. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Resolves when the server has confirmed the subscriptions; rejects when the first attempt fails. */
  async start(): Promise<void> {
    this.#stopped = false
    await this.#listen()
  }

  /** Commands have a new connection: listen where they go. */
  verify(): void {
    if (this.#client && this.#options.isElsewhere(this.#client))
      this.reconnect('commands go to another server now')
  }

  /** Give the connection up and listen with a new one. Messages meanwhile are reported as missed. */
  reconnect(reason: string): void {
    if (this.#client) this.#lost(reason)
  }

  /** Find out whether the connection still carries anything: silence alone does not tell. */
  check(): void {
    const client = this.#client
    client?.ping().catch((error: Error) => {
      if (client === this.#client) this.#lost(error.message)
    })
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
    let reason: Error | undefined
    client.on('error', (error: Error) => {
      reason = error
    })
    try {
      await within(CONNECT_DEADLINE_MS, 'connecting to listen', client.connect())
      if (this.#options.isElsewhere(client)) {
        this.#options.onElsewhere('a new connection leads to another server')
        throw new Error('the listening connection leads to another server than that of commands')
      }
      const deliver = (channel: Buffer, payload: Buffer) => onMessage(channel.toString(), payload)
      client.on('messageBuffer', deliver)
      client.on('smessageBuffer', deliver)
      if (sharded) await client.ssubscribe(nodeChannel)
      const plain = sharded ? plainChannels : [nodeChannel, ...plainChannels]
      if (plain.length > 0) await client.subscribe(...plain)
      if (this.#stopped) throw new Error('The subscriber was stopped.')
    } catch (error) {
      client.disconnect()
      // The client rejects with no more than that the connection was closed.
      throw reason ?? error
    }
    this.#client = client
    this.#attempts = 0
    this.#failure = undefined
    client.once('end', () => {
      if (client === this.#client) this.#lost('the subscriber connection was lost')
    })
    // The server says so when the slot of a sharded channel has moved away.
    client.once('moved', () => {
      if (client === this.#client) this.#lost('the slot of the node channel moved')
    })
  }

  #lost(reason: string): void {
    this.#client?.disconnect()
    this.#client = undefined
    this.#failure = reason
    if (!this.#stopped) this.#tryAgain(reason)
  }

  #tryAgain(reason: string): void {
    this.#attempts++
    const delayMs = reconnectDelayMs(this.#attempts, this.#options.reconnectMaxMs)
    this.#retry = setTimeout(() => {
      this.#listen().then(
        () => this.#options.onResubscribed(reason),
        (error: Error) => {
          // Once for each cause: attempts go on every few seconds.
          if (this.#failure !== error.message) {
            this.#failure = error.message
            this.#options.log('warn', 'cannot subscribe, trying again', { error: error.message, reason })
          }
          if (!this.#stopped) this.#tryAgain(reason)
        },
      )
    }, delayMs)
  }
}
