/** The native transport: uWebSockets.js. Several threads may listen on one port (SO_REUSEPORT). */

import type * as Uws from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { FrameBudget } from '../frame-budget.js'
import type { Door } from './door.js'
import {
  FLUSH_MS_MAX,
  hardLimit,
  KEPT_HEADERS,
  MESSAGE_TOO_LONG,
  NO_CLOSE_FRAME,
  normalizeAddress,
  POLICY_VIOLATION,
  TRY_AGAIN_LATER,
  UPGRADE_REQUIRED_TEXT,
} from './peer.js'
import { freePort, listenError, toListenError } from './port-check.js'
import type {
  CreateTransport,
  SendResult,
  Socket,
  Transport,
  TransportHandlers,
  TransportOptions,
  UpgradeRequest,
} from './transport.js'

interface UserData<Owner> {
  socket: UwsSocket<Owner>
}

/** The module is a parameter, because where it does not load this file must still. */
export function uwsTransport(uws: typeof Uws): CreateTransport {
  return (handlers, options) => new UwsTransport(uws, handlers, options)
}

class UwsTransport<Owner> implements Transport {
  readonly name = 'uws'
  private readonly app: Uws.TemplatedApp
  private listening: Uws.us_listen_socket | undefined
  private isClosed = false

  constructor(
    private readonly uws: typeof Uws,
    private readonly handlers: TransportHandlers<Owner>,
    private readonly options: TransportOptions,
  ) {
    this.app = uws.App()
    if (options.door !== undefined) this.watchAccepts(options.door)
    this.app.ws<UserData<Owner>>('/*', {
      compression: uws.DISABLED,
      // Who is idle is for the connection actor to say. This is for peers that keep their TCP connection after `end`:
      // the library then knows no socket any more, and reads on for as long as something comes.
      idleTimeout: idleTimeoutS(options.silenceMsMax),
      maxLifetime: 0,
      sendPingsAutomatically: false,
      maxPayloadLength: hardLimit(options.messageBytesMax),
      maxBackpressure: options.backpressureBytesMax,
      upgrade: (response, request, context) => this.onUpgrade(response, request, context),
      open: (native) => native.getUserData().socket.onOpen(native),
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
        if (newCount < oldCount) handlers.unsubscribed(Buffer.from(topic).toString(), newCount)
      },
      close: (native, code) => {
        const { socket } = native.getUserData()
        socket.onClosed()
        // The library counts a socket out only while it speaks HTTP.
        options.door?.left()
        const reported = socket.ownCloseCode ?? code
        handlers.closed(socket.owner, reported, socket.ownCloseCode === undefined && code !== NO_CLOSE_FRAME)
      },
    })
    this.app.any('/*', (response) => {
      options.door?.heard(addressOf(response))
      response.writeStatus('426 Upgrade Required').writeHeader('Upgrade', 'websocket')
      response.end(UPGRADE_REQUIRED_TEXT, true)
    })
  }

  async listen(host: string, port: number): Promise<number> {
    // uWS shares a port only if it was named: of port 0 the first thread would have one of its own.
    const named = port === 0 ? await freePort(host) : port
    if (this.isClosed) throw toListenError(host, named, 'the transport was closed meanwhile')
    this.app.listen(host, named, (listening) => {
      if (listening !== false) this.listening = listening
    })
    // uWS does not say why; the operating system does, when asked once more.
    if (this.listening === undefined) throw await listenError(host, named)
    return this.uws.us_socket_local_port(this.listening)
  }

  stopListening(): void {
    if (this.listening === undefined) return
    this.uws.us_listen_socket_close(this.listening)
    this.listening = undefined
  }

  publish(topic: string, frame: Uint8Array): void {
    this.app.publish(topic, frame, true)
  }

  subscriberCount(topic: string): number {
    return this.app.numSubscribers(topic)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.stopListening()
    this.app.close()
  }

  /** The library tells of each connection as it is accepted, and of each that ends before it was upgraded. */
  private watchAccepts(door: Door): void {
    const onChange = (response: Uws.HttpResponse, change: number): void => {
      if (change < 0) return door.left()
      const address = addressOf(response)
      if (!door.enter(address)) response.close()
      // Only until a request comes, which sets its own.
      else response.onAborted(() => door.heard(address))
    }
    this.app.filter((response, change) => onChange(response, Number(change)))
  }

  /** `request` dies with this callback, `response` may die any time before the verdict. */
  private onUpgrade(
    response: Uws.HttpResponse,
    request: Uws.HttpRequest,
    context: Uws.us_socket_context_t,
  ): void {
    const headers = new Map<string, string>(KEPT_HEADERS.map((name) => [name, request.getHeader(name)]))
    const key = request.getHeader('sec-websocket-key')
    const address = addressOf(response)
    this.options.door?.heard(address)
    let isGone = false
    response.onAborted(() => {
      isGone = true
    })
    const upgrade: UpgradeRequest<Owner> = {
      // Undefined, whatever its type says, when there is no `?`.
      query: request.getQuery() ?? '',
      address,
      header: (name) => headers.get(name) ?? '',
      accept: (owner) => {
        if (isGone) return undefined
        const socket = new UwsSocket(owner, address)
        // Inside the callback uWS has corked the response already. Later it has to be done here: uncorked, one
        // handshake would be 25 packets. That has a price in this release: after a cork it may take the upgraded
        // socket for an HTTP one, when its memory did not move, and close it by what it reads there. Seen with the
        // first socket of a thread only; mended upstream in July 2026. So accept inside the callback where you can.
        response.cork(() => response.upgrade<UserData<Owner>>({ socket }, key, '', '', context))
        return socket
      },
      refuse: (status, contentType, body) => {
        if (isGone) return
        response.cork(() => {
          response.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`)
          response.writeHeader('Content-Type', contentType).end(body, true)
        })
      },
    }
    this.handlers.upgrade(upgrade)
  }

  private onMessage(native: Uws.WebSocket<UserData<Owner>>, message: ArrayBuffer, isBinary: boolean): void {
    const { socket } = native.getUserData()
    if (this.isOverShare(socket, message.byteLength) || socket.isLeaving) return
    if (message.byteLength > this.options.messageBytesMax) {
      socket.end(MESSAGE_TOO_LONG, 'message too long')
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

function addressOf(response: Uws.HttpResponse): string {
  return normalizeAddress(Buffer.from(response.getRemoteAddressAsText()).toString())
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
    this.ownCloseCode = NO_CLOSE_FRAME
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
    this.ownCloseCode ??= POLICY_VIOLATION
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
    this.ownCloseCode = TRY_AGAIN_LATER
    setImmediate(() => this.native?.close())
  }

  onClosed(): void {
    this.native = undefined
    clearTimeout(this.flushTimer)
  }
}
