/** The native transport: uWebSockets.js. Several threads may listen on one port (SO_REUSEPORT). */

import type * as Uws from 'uWebSockets.js'
import type { TlsPair } from '../../../net/tls-files.js'
import { CloseCode } from '../../../openim/close-codes.js'
import { FrameBudget } from '../frame-budget.js'
import type { AcceptBudget } from './accept-budget.js'
import { FLUSH_MS_MAX, hardLimit } from './peer.js'
import { freePort, listenError, toListenError } from './port-check.js'
import {
  type CreateTransport,
  NO_PROXIES,
  type SendResult,
  type Socket,
  type Transport,
  type TransportHandlers,
  type TransportOptions,
} from './transport.js'
import { onPlainRequest, onUpgrade, peerOf } from './uws-handshake.js'

interface UserData<Owner> {
  socket: UwsSocket<Owner>
}

/** One server of the library, with the certificate that it was made with. */
interface App {
  readonly native: Uws.TemplatedApp
  listening: Uws.us_listen_socket | undefined
  /** Open sockets. */
  sockets: number
}

/** The module is a parameter, because where it does not load this file must still. */
export function uwsTransport(uws: typeof Uws): CreateTransport {
  return (handlers, options) => new UwsTransport(uws, handlers, options)
}

class UwsTransport<Owner> implements Transport {
  readonly name = 'uws'
  /** The one that listens. */
  private app: App
  /** Those before it, whose certificate was replaced while they had sockets. */
  private oldApps: App[] = []
  private address: { host: string; port: number } | undefined
  private isClosed = false

  constructor(
    private readonly uws: typeof Uws,
    private readonly handlers: TransportHandlers<Owner>,
    private readonly options: TransportOptions,
  ) {
    this.app = this.openApp(options.tls)
  }

  private openApp(tls: TlsPair | undefined): App {
    const { uws, handlers, options } = this
    const native =
      tls === undefined
        ? uws.App()
        : uws.SSLApp({
            cert_file_name: tls.certPath,
            key_file_name: tls.keyPath,
            ssl_prefer_low_memory_usage: true,
          })
    const app: App = { native, listening: undefined, sockets: 0 }
    const handshakes = {
      handlers,
      proxies: options.proxies ?? NO_PROXIES,
      userData: (owner: Owner, address: string) => ({ socket: new UwsSocket(owner, address) }),
    }
    native.ws<UserData<Owner>>('/*', {
      compression: uws.DISABLED,
      // The connection actor ends idle connections. This timeout is for peers that keep their TCP connection after
      // `end`: the library has no socket for them any more, and reads on as long as bytes come.
      idleTimeout: idleTimeoutS(options.silenceMsMax),
      maxLifetime: 0,
      sendPingsAutomatically: false,
      maxPayloadLength: hardLimit(options.messageBytesMax),
      maxBackpressure: options.backpressureBytesMax,
      upgrade: (response, request, context) => {
        options.accepts?.heard(peerOf(response))
        onUpgrade(handshakes, response, request, context)
      },
      open: (native) => {
        app.sockets++
        native.getUserData().socket.onOpen(native)
      },
      message: (native, message, isBinary) => this.onMessage(native, message, isBinary),
      dropped: (native) => native.getUserData().socket.onOverflow(),
      drain: (native) => {
        if (native.getBufferedAmount() > 0) return
        const { socket } = native.getUserData()
        if (socket.isLeaving) socket.leave()
        else handlers.drained(socket.owner)
      },
      ping: (native, payload) => this.onControl(native, payload),
      pong: (native, payload) => this.onControl(native, payload),
      // Called for explicit changes and, before `close`, for each topic of a socket that closes.
      subscription: (_native, topic, newCount, oldCount) => {
        if (newCount >= oldCount) return
        const name = Buffer.from(topic).toString()
        handlers.unsubscribed(name, newCount + this.subscribersBeside(app, name))
      },
      close: (native, code) => {
        app.sockets--
        const { socket } = native.getUserData()
        socket.onClosed()
        // The library counts a socket out only while it speaks HTTP.
        options.accepts?.left()
        const reported = socket.ownCloseCode ?? code
        handlers.closed(
          socket.owner,
          reported,
          socket.ownCloseCode === undefined && code !== CloseCode.NoCloseFrame,
        )
      },
    })
    native.any('/*', (response, request) => {
      options.accepts?.heard(peerOf(response))
      onPlainRequest(response, request)
    })
    if (options.accepts !== undefined) watchAccepts(native, options.accepts)
    return app
  }

  async listen(host: string, port: number): Promise<number> {
    // uWS shares a port only if it was named: of port 0 the first thread would have one of its own.
    const named = port === 0 ? await freePort(host) : port
    if (this.isClosed) throw toListenError(host, named, 'the transport was closed meanwhile')
    this.address = { host, port: named }
    // uWS does not say why; the operating system does, when asked once more.
    if (!this.listenWith(this.app)) throw await listenError(host, named)
    return this.uws.us_socket_local_port(this.app.listening!)
  }

  /**
   * A server of the library keeps the certificate that it was made with. So a new server takes over the port, and the
   * old one keeps its sockets. A later change of certificate closes it if it has no sockets left: by then its last
   * handshakes are long over. Connections that the old server had not yet accepted are reset.
   */
  useTls(pair: TlsPair): void {
    const old = this.app
    const next = this.openApp(pair)
    if (old.listening !== undefined && !this.listenWith(next)) {
      next.native.close()
      throw new Error('cannot listen with the new certificate')
    }
    this.app = next
    this.stopApp(old)
    for (const app of this.oldApps) if (app.sockets === 0) app.native.close()
    this.oldApps = [...this.oldApps.filter(({ sockets }) => sockets > 0), old]
  }

  stopListening(): void {
    this.stopApp(this.app)
  }

  publish(topic: string, frame: Uint8Array): void {
    this.app.native.publish(topic, frame, true)
    for (const { native } of this.oldApps) native.publish(topic, frame, true)
  }

  subscriberCount(topic: string): number {
    return this.app.native.numSubscribers(topic) + this.subscribersBeside(this.app, topic)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.stopListening()
    for (const { native } of [...this.oldApps, this.app]) native.close()
  }

  /** Of one topic, on the servers beside this one. */
  private subscribersBeside(app: App, topic: string): number {
    if (this.oldApps.length === 0) return 0
    const others = [this.app, ...this.oldApps].filter((other) => other !== app)
    return others.reduce((sum, { native }) => sum + native.numSubscribers(topic), 0)
  }

  /** False = it cannot. */
  private listenWith(app: App): boolean {
    const { host, port } = this.address!
    app.native.listen(host, port, (listening) => {
      if (listening !== false) app.listening = listening
    })
    return app.listening !== undefined
  }

  private stopApp(app: App): void {
    if (app.listening !== undefined) this.uws.us_listen_socket_close(app.listening)
    app.listening = undefined
  }

  private onMessage(native: Uws.WebSocket<UserData<Owner>>, message: ArrayBuffer, isBinary: boolean): void {
    const { socket } = native.getUserData()
    if (this.isOverShare(socket, message.byteLength) || socket.isLeaving) return
    if (message.byteLength > this.options.messageBytesMax) {
      socket.end(CloseCode.MessageTooLong, 'message too long')
      return
    }
    // A copy: uWS takes the memory back after this callback.
    this.handlers.message(socket.owner, Buffer.from(new Uint8Array(message)), isBinary)
  }

  private onControl(native: Uws.WebSocket<UserData<Owner>>, payload: ArrayBuffer): void {
    const { socket } = native.getUserData()
    if (!this.isOverShare(socket, payload.byteLength)) this.handlers.heard(socket.owner)
  }

  /** Counts a frame. Over its share the socket is closed here: while it sends, nothing else on this thread has a turn. */
  private isOverShare(socket: UwsSocket<Owner>, bytes: number): boolean {
    const excess = socket.budget.take(this.options.frameLimits, bytes, performance.now())
    if (excess === undefined) return false
    this.handlers.overShare(excess)
    socket.cut()
    return true
  }
}

/** What the library takes: seconds, 8 to 960. 0 = never. */
function idleTimeoutS(ms: number): number {
  const seconds = Math.ceil(ms / 1_000)
  return seconds > 960 ? 0 : Math.max(8, seconds)
}

/** The library tells of each connection as it is accepted, and of each that ends before it was upgraded. */
function watchAccepts(app: Uws.TemplatedApp, accepts: AcceptBudget): void {
  const onChange = (response: Uws.HttpResponse, change: number): void => {
    if (change < 0) return accepts.left()
    const peer = peerOf(response)
    if (!accepts.enter(peer)) response.close()
    // Only until a request comes, which sets its own.
    else response.onAborted(() => accepts.heard(peer))
  }
  app.filter(onChange)
}

class UwsSocket<Owner> implements Socket {
  /** Undefined before the handshake completes and after the close: uWS throws on a closed socket. */
  private native: Uws.WebSocket<UserData<Owner>> | undefined
  private flushTimer: NodeJS.Timeout | undefined
  /** Set once this side has decided to close: nothing more is sent or handed over. */
  isLeaving = false
  /** What is reported then; a close that the peer began has its own code. */
  ownCloseCode: number | undefined
  /** The close frame that `end` owes the peer. */
  private farewell: { code: number; reason: string } | undefined
  readonly budget = new FrameBudget()

  constructor(
    readonly owner: Owner,
    readonly address: string,
  ) {}

  send(data: Uint8Array | string, isBinary: boolean): SendResult {
    if (this.native === undefined || this.isLeaving) return 'dropped'
    const result = this.native.send(data, isBinary)
    return result === 1 ? 'sent' : result === 0 ? 'buffered' : 'dropped'
  }

  ping(): void {
    if (!this.isLeaving) this.native?.ping()
  }

  subscribe(topic: string): boolean {
    if (this.native === undefined || this.isLeaving || this.native.isSubscribed(topic)) return false
    return this.native.subscribe(topic)
  }

  unsubscribe(topic: string): boolean {
    return this.native?.unsubscribe(topic) ?? false
  }

  isSubscribed(topic: string): boolean {
    return this.native?.isSubscribed(topic) ?? false
  }

  bufferedBytes(): number {
    return this.native?.getBufferedAmount() ?? 0
  }

  end(code: number, reason: string): void {
    if (this.native === undefined || this.isLeaving) return
    this.isLeaving = true
    this.ownCloseCode = code
    this.farewell = { code, reason }
    // What is buffered `native.end` would lose.
    if (this.native.getBufferedAmount() === 0) this.leave()
    else this.waitForDrain()
  }

  drop(): void {
    if (this.native === undefined || this.isLeaving) return
    this.isLeaving = true
    this.ownCloseCode = CloseCode.NoCloseFrame
    // Frames of this turn may still be corked or in the topic tree; both are flushed before the next one.
    setImmediate(() => {
      if (this.native === undefined) return
      if (this.native.getBufferedAmount() === 0) this.leave()
      else this.waitForDrain()
    })
  }

  /** The last step of `end` and `drop`, when nothing is buffered any more. `closed` is reported from inside. */
  leave(): void {
    if (this.farewell === undefined) this.native?.close()
    else this.native?.end(this.farewell.code, this.farewell.reason)
  }

  /** Close TCP at once, with all that waits. After a close frame the library would go on reading. */
  cut(): void {
    this.isLeaving = true
    this.ownCloseCode ??= CloseCode.PolicyViolation
    this.native?.close()
  }

  private waitForDrain(): void {
    this.flushTimer = setTimeout(() => this.native?.close(), FLUSH_MS_MAX)
  }

  get isGone(): boolean {
    return this.native === undefined
  }

  onOpen(native: Uws.WebSocket<UserData<Owner>>): void {
    this.native = native
  }

  /** A frame for this socket was over the limit. Not closed here: uWS may be in the middle of a publish. */
  onOverflow(): void {
    if (this.isLeaving) return
    this.isLeaving = true
    this.ownCloseCode = CloseCode.TryAgainLater
    setImmediate(() => this.native?.close())
  }

  onClosed(): void {
    this.native = undefined
    clearTimeout(this.flushTimer)
  }
}
