/** The portable transport: the `ws` package on Node's own HTTP server. One thread a port. */

import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { normalizeAddress } from '../../../net/address.js'
import { secureOptions, type TlsPair } from '../../../net/tls-files.js'
import { CloseCode } from '../../../openim/close-codes.js'
import { FrameBudget } from '../frame-budget.js'
import type { AcceptBudget } from './accept-budget.js'
import { callerOf } from './caller.js'
import { FLUSH_MS_MAX, hardLimit } from './peer.js'
import { badRequest, plainAnswer, UPGRADE_REQUIRED } from './plain-answers.js'
import { toListenError } from './port-check.js'
import { type Ends, ProxiedSockets } from './proxied-sockets.js'
import { RequestHead } from './request-head.js'
import {
  type CreateTransport,
  NO_PROXIES,
  type ProxySettings,
  type SendResult,
  type Socket,
  type Transport,
  type TransportHandlers,
  type TransportOptions,
} from './transport.js'

/** Of one message. Clients send each message whole, or in pieces of kilobytes; the library's own bound is 16,384. */
const FRAGMENTS_MAX = 1_024

export const wsTransport: CreateTransport = (handlers, options) => new WsTransport(handlers, options)

class WsTransport<Owner> implements Transport {
  readonly name = 'ws'
  readonly topics = new Map<string, Set<WsSocket<Owner>>>()
  /** Every socket whose TCP connection lives, also those that `end` has reported as closed. */
  readonly sockets = new Set<WsSocket<Owner>>()
  private readonly server: Server | TlsServer
  private readonly proxies: ProxySettings
  private readonly proxied: ProxiedSockets | undefined
  private readonly upgrader: WebSocketServer
  /** Connections that have had their one request that was no handshake. */
  private readonly served = new WeakSet<Duplex>()
  /** TCP sockets whose handshake waits for a verdict. */
  private readonly waiting = new Set<Duplex>()

  constructor(
    readonly handlers: TransportHandlers<Owner>,
    readonly options: TransportOptions,
  ) {
    const upgraderOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      handleProtocols: (): false => false,
      maxPayload: hardLimit(options.messageBytesMax),
      maxFragments: FRAGMENTS_MAX,
      // Pongs count as what waits for a slow peer, which the library does not know.
      autoPong: false,
      // For a peer that says goodbye and then keeps its TCP connection.
      closeTimeout: FLUSH_MS_MAX,
    }
    this.upgrader = new WebSocketServer(upgraderOptions)
    const limits = { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 2_000 }
    this.server =
      options.tls === undefined
        ? createServer(limits)
        : createTlsServer({ ...limits, handshakeTimeout: 10_000, ...secureOptions(options.tls) })
    this.proxies = options.proxies ?? NO_PROXIES
    this.server.on('request', (request, response) => {
      this.served.add(request.socket)
      onPlainRequest(request, response)
    })
    if (options.accepts !== undefined) watchAccepts(this.server, options.accepts)
    this.server.on('upgrade', (request, stream, head) => this.onUpgrade(request, stream, head))
    const { protocol, trusted } = this.proxies
    if (protocol !== 'off') this.proxied = new ProxiedSockets(this.server, protocol, trusted)
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => {
        reject(toListenError(host, port, error.code ?? error.message))
      })
      this.server.listen({ host, port, exclusive: true }, () => {
        resolve((this.server.address() as AddressInfo).port)
      })
    })
  }

  useTls(pair: TlsPair): void {
    if ('setSecureContext' in this.server) this.server.setSecureContext(secureOptions(pair))
  }

  stopListening(): void {
    if (this.server.listening) this.server.close()
  }

  publish(topic: string, frame: Uint8Array): void {
    for (const socket of this.topics.get(topic) ?? []) socket.send(frame, true)
  }

  subscriberCount(topic: string): number {
    return this.topics.get(topic)?.size ?? 0
  }

  close(): void {
    this.stopListening()
    this.proxied?.close()
    for (const stream of this.waiting) stream.destroy()
    for (const socket of [...this.sockets]) socket.cut()
    this.server.closeAllConnections()
  }

  private onUpgrade(request: IncomingMessage, stream: Duplex & Partial<Ends>, rest: Buffer): void {
    const ignoreError = (): void => {} // 'close' follows, and says all there is to say
    stream.on('error', ignoreError)
    // Node hands over a handshake that came with a request before the answer to that has ended the connection.
    if (this.served.has(stream)) {
      stream.end(() => stream.destroy())
      return
    }
    if (request.headers['sec-websocket-key'] === undefined) {
      answer(stream, UPGRADE_REQUIRED.status, 'text/plain', UPGRADE_REQUIRED.body)
      return
    }
    const { handlers, proxies, proxied } = this
    const head = headOf(request)
    const peer = normalizeAddress(stream.remoteAddress ?? '')
    const caller = callerOf(head, peer, proxied?.addressOf(stream) ?? '', proxies)
    if ('why' in caller) {
      const { status, body } = badRequest(caller.why)
      handlers.malformed?.(caller.reason)
      answer(stream, status, 'text/plain', body)
      return
    }
    const { address, isThroughProxy } = caller
    this.waiting.add(stream)
    stream.once('close', () => this.waiting.delete(stream))
    // Node hands out the request line as Latin-1; what a client put in unescaped is UTF-8.
    const url = Buffer.from(request.url ?? '', 'latin1').toString()
    const queryAt = url.indexOf('?')
    handlers.upgrade({
      query: queryAt < 0 ? '' : url.slice(queryAt + 1),
      address,
      header: (name) => head.get(name),
      hosts: () => head.hosts(isThroughProxy),
      accept: (owner) => {
        if (!this.waiting.delete(stream)) return undefined
        stream.off('error', ignoreError)
        let socket: WsSocket<Owner> | undefined
        // Calls back before it returns, or not at all when the handshake is malformed.
        this.upgrader.handleUpgrade(request, stream, rest, (native) => {
          socket = new WsSocket(this, native, owner, address)
        })
        return socket
      },
      refuse: (status, contentType, body) => {
        if (this.waiting.delete(stream)) answer(stream, status, contentType, body)
      },
    })
  }
}

function watchAccepts(server: Server, accepts: AcceptBudget): void {
  server.on('connection', (stream: NetSocket) => {
    const address = normalizeAddress(stream.remoteAddress ?? '')
    const isIn = accepts.enter(address)
    stream.once('close', () => accepts.left())
    if (!isIn) return stream.destroy()
    const heard = (): void => {
      if (silent.delete(stream)) accepts.heard(address)
    }
    silent.add(stream)
    stream.once('close', heard)
  })
  const silent = new Set<Duplex>()
  const onRequest = ({ socket }: IncomingMessage): void => {
    if (silent.delete(socket)) accepts.heard(normalizeAddress(socket.remoteAddress ?? ''))
  }
  server.prependListener('upgrade', onRequest)
  server.prependListener('request', onRequest)
}

class WsSocket<Owner> implements Socket {
  private readonly topics = new Set<string>()
  private isLeaving = false
  private isClosed = false
  private isCut = false
  private readonly budget = new FrameBudget()
  /** A frame could not leave at once. */
  private isWaiting = false
  /** What is reported when this side cuts the connection. */
  private cutCode: number = CloseCode.NoCloseFrame
  private flushTimer: NodeJS.Timeout | undefined

  constructor(
    private readonly transport: WsTransport<Owner>,
    private readonly native: WebSocket,
    private readonly owner: Owner,
    readonly address: string,
  ) {
    const { handlers, options } = transport
    transport.sockets.add(this)
    native.binaryType = 'nodebuffer'
    native.on('message', (data: Buffer, isBinary: boolean) => {
      if (this.isOverShare(data.length) || this.isLeaving) return
      if (data.length > options.messageBytesMax) this.end(CloseCode.MessageTooLong, 'message too long')
      else handlers.message(owner, data, isBinary)
    })
    native.on('ping', (payload: Buffer) => {
      if (this.isOverShare(payload.length) || this.isClosed) return
      this.pong(payload)
      handlers.heard(owner)
    })
    native.on('pong', (payload: Buffer) => {
      if (!this.isOverShare(payload.length) && !this.isClosed) handlers.heard(owner)
    })
    native.on('error', () => this.finish(CloseCode.NoCloseFrame, false))
    native.on('close', (code) => {
      clearTimeout(this.flushTimer)
      transport.sockets.delete(this)
      this.finish(code, code !== CloseCode.NoCloseFrame)
    })
  }

  get isGone(): boolean {
    return this.isClosed
  }

  send(data: Uint8Array | string, isBinary: boolean): SendResult {
    if (this.isLeaving || this.native.readyState !== WebSocket.OPEN) return 'dropped'
    if (!this.hasRoomFor(typeof data === 'string' ? Buffer.byteLength(data) : data.length)) return 'dropped'
    this.native.send(data, { binary: isBinary }, this.onWritten)
    this.isWaiting = this.native.bufferedAmount > 0
    return this.isWaiting ? 'buffered' : 'sent'
  }

  private pong(payload: Buffer): void {
    if (this.isLeaving || this.native.readyState !== WebSocket.OPEN || !this.hasRoomFor(payload.length))
      return
    this.native.pong(payload, false, this.onWritten)
    this.isWaiting = this.native.bufferedAmount > 0
  }

  /** False = the peer reads too slowly, and is closed. */
  private hasRoomFor(bytes: number): boolean {
    const { bufferedAmount } = this.native
    const hasRoom =
      bufferedAmount === 0 || bufferedAmount + bytes <= this.transport.options.backpressureBytesMax
    if (!hasRoom) this.onOverflow()
    return hasRoom
  }

  ping(): void {
    if (!this.isLeaving && this.native.readyState === WebSocket.OPEN) this.native.ping()
  }

  subscribe(topic: string): boolean {
    if (this.isLeaving || this.isClosed || this.topics.has(topic)) return false
    this.topics.add(topic)
    const members = this.transport.topics.get(topic)
    if (members === undefined) this.transport.topics.set(topic, new Set([this]))
    else members.add(this)
    return true
  }

  unsubscribe(topic: string): boolean {
    if (!this.topics.delete(topic)) return false
    const members = this.transport.topics.get(topic)!
    members.delete(this)
    if (members.size === 0) this.transport.topics.delete(topic)
    this.transport.handlers.unsubscribed(topic, members.size)
    return true
  }

  isSubscribed(topic: string): boolean {
    return this.topics.has(topic)
  }

  bufferedBytes(): number {
    return this.isClosed ? 0 : this.native.bufferedAmount
  }

  end(code: number, reason: string): void {
    if (this.isLeaving || this.isClosed) return
    this.isLeaving = true
    this.native.close(code, reason)
    this.flushTimer = setTimeout(() => this.native.terminate(), FLUSH_MS_MAX)
    this.finish(code, false)
  }

  drop(): void {
    if (this.isLeaving || this.isClosed) return
    this.isLeaving = true
    setImmediate(() => {
      if (this.isClosed) return
      if (this.native.bufferedAmount === 0) this.cut()
      else this.flushTimer = setTimeout(() => this.cut(), FLUSH_MS_MAX)
    })
  }

  /** Counts a frame. Over its share the socket is cut. */
  private isOverShare(bytes: number): boolean {
    const { handlers, options } = this.transport
    const excess = this.budget.take(options.frameLimits, bytes, performance.now())
    if (excess === undefined) return false
    // What the library has read already may still come.
    if (this.isCut) return true
    handlers.overShare(excess)
    this.cutCode = CloseCode.PolicyViolation
    this.cut()
    return true
  }

  /** Close TCP now and report it. */
  cut(): void {
    this.isCut = true
    this.isLeaving = true
    this.native.terminate()
    this.finish(this.cutCode, false)
  }

  /** As with uWS, not inside the call that overflowed: its caller may hold this socket. */
  private onOverflow(): void {
    this.isLeaving = true
    this.cutCode = CloseCode.TryAgainLater
    setImmediate(() => this.cut())
  }

  private readonly onWritten = (): void => {
    if (!this.isWaiting || this.isClosed || this.native.bufferedAmount > 0) return
    this.isWaiting = false
    if (!this.isLeaving) this.transport.handlers.drained(this.owner)
    else this.cut()
  }

  private finish(code: number, isClean: boolean): void {
    if (this.isClosed) return
    this.isClosed = true
    this.isLeaving = true
    for (const topic of [...this.topics]) this.unsubscribe(topic)
    this.transport.handlers.closed(this.owner, code, isClean)
  }
}

/** Line by line: of a header that came twice, Node's own table has both, one or none, by the name. */
function headOf({ rawHeaders }: IncomingMessage): RequestHead {
  const head = new RequestHead()
  for (let at = 0; at < rawHeaders.length; at += 2)
    head.add(rawHeaders[at]!.toLowerCase(), rawHeaders[at + 1]!)
  return head
}

/** Whatever is no handshake. The connection ends with its answer, and what else came with it is not served. */
function onPlainRequest(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '' } = request
  const fault = headOf(request).fault()
  const { status, body } = fault === undefined ? plainAnswer(method, url.split('?')[0]!) : badRequest(fault)
  if (status === UPGRADE_REQUIRED.status) response.setHeader('Upgrade', 'websocket')
  response.writeHead(status, {
    Connection: 'close',
    'Content-Type': 'text/plain',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(body)
}

function answer(stream: Duplex, status: number, contentType: string, body: string): void {
  stream.once('finish', () => stream.destroy())
  stream.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: ${contentType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
