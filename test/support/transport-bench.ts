/** A transport by itself, in the test's own thread. */
import './entry.js'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { loadTransport } from '../../src/doors/websocket/transport/load-transport.js'
import type {
  MalformedReason,
  ProxySettings,
  Socket,
  Transport,
  TransportHandlers,
  TransportOptions,
  UpgradeRequest,
} from '../../src/doors/websocket/transport/transport.js'
import { Networks } from '../../src/net/networks.js'

export const MESSAGE_BYTES_MAX = 1000
export const BACKPRESSURE_BYTES_MAX = 1_000_000
export const FRAMES_PER_S = 1_000
const BYTES_PER_S = 100_000
const SILENCE_MS_MAX = 8_000

export interface Owner {
  id: number
  socket?: Socket
}

type Event =
  | { kind: 'upgrade'; request: UpgradeRequest<Owner> }
  | { kind: 'malformed'; reason: MalformedReason }
  | { kind: 'message'; owner: Owner; data: Uint8Array; isBinary: boolean }
  | { kind: 'heard'; owner: Owner }
  | { kind: 'overShare'; reason: string }
  | { kind: 'drained'; owner: Owner }
  | { kind: 'closed'; owner: Owner; code: number; clean: boolean }
  | { kind: 'unsubscribed'; topic: string; remaining: number }

type EventOf<K extends Event['kind']> = Extract<Event, { kind: K }>

/** A transport on a free port, every event of it recorded, and a way to wait for the next one of a kind. */
export class TransportBench {
  readonly events: Event[] = []
  private readonly taken = new Set<Event>()
  private waiters: (() => void)[] = []
  readonly transport: Transport
  port = 0
  /** Runs at once for each upgrade; without it the test takes the verdict into its own hands. */
  onUpgrade: ((request: UpgradeRequest<Owner>) => void) | undefined
  onMessage: ((owner: Owner, text: string) => void) | undefined

  constructor(name: 'uws' | 'ws', options: Partial<TransportOptions> = {}) {
    const handlers: TransportHandlers<Owner> = {
      upgrade: (request) => {
        this.record({ kind: 'upgrade', request })
        this.onUpgrade?.(request)
      },
      malformed: (reason) => this.record({ kind: 'malformed', reason }),
      message: (owner, data, isBinary) => {
        this.record({ kind: 'message', owner, data, isBinary })
        this.onMessage?.(owner, Buffer.from(data).toString())
      },
      heard: (owner) => this.record({ kind: 'heard', owner }),
      overShare: (reason) => this.record({ kind: 'overShare', reason }),
      drained: (owner) => this.record({ kind: 'drained', owner }),
      closed: (owner, code, clean) => this.record({ kind: 'closed', owner, code, clean }),
      unsubscribed: (topic, remaining) => this.record({ kind: 'unsubscribed', topic, remaining }),
    }
    this.transport = loadTransport(name).create(handlers, {
      messageBytesMax: MESSAGE_BYTES_MAX,
      backpressureBytesMax: BACKPRESSURE_BYTES_MAX,
      frameLimits: { framesPerS: FRAMES_PER_S, bytesPerS: BYTES_PER_S },
      silenceMsMax: SILENCE_MS_MAX,
      ...options,
    })
  }

  private record(event: Event): void {
    this.events.push(event)
    for (const wake of this.waiters.splice(0)) wake()
  }

  /** The first event of this kind that no earlier call has taken, now or when it comes. */
  async next<K extends Event['kind']>(kind: K): Promise<EventOf<K>> {
    for (;;) {
      const event = this.events.find((e): e is EventOf<K> => e.kind === kind && !this.taken.has(e))
      if (event !== undefined) {
        this.taken.add(event)
        return event
      }
      await new Promise<void>((resolve) => this.waiters.push(resolve))
    }
  }

  count(kind: Event['kind']): number {
    return this.events.filter((event) => event.kind === kind).length
  }

  client(path = '/'): WebSocket {
    const client = new WebSocket(`ws://127.0.0.1:${this.port}${path}`)
    // Some clients live until the transport closes under them.
    client.on('error', () => {})
    return client
  }

  /** A client and the server's side of it. */
  async pair(id = 0): Promise<{ client: WebSocket; socket: Socket; owner: Owner }> {
    const client = this.client()
    const opened = once(client, 'open')
    const { request } = await this.next('upgrade')
    const owner: Owner = { id }
    const socket = request.accept(owner)
    if (socket === undefined) throw new Error('the peer has gone')
    owner.socket = socket
    await opened
    return { client, socket, owner }
  }
}

/** Settings of a port that these networks may stand before. */
export function behind(trusted: readonly string[], settings: Partial<ProxySettings> = {}): ProxySettings {
  return { trusted: new Networks(trusted), header: 'auto', protocol: 'off', ...settings }
}
