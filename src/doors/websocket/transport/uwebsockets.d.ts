/**
 * The part of uWebSockets.js that is used here, by its documentation. The binaries' packages bring no types.
 *
 * Every object given to a callback is native: it throws when used after its end.
 */
declare module 'uWebSockets.js' {
  export type RecognizedString = string | ArrayBuffer | Uint8Array
  /** Opaque handles of the native side. */
  export interface us_listen_socket {
    readonly _listenSocket: unique symbol
  }
  export interface us_socket_context_t {
    readonly _context: unique symbol
  }

  export interface WebSocket<UserData> {
    /** 1 = sent, 0 = buffered, 2 = dropped over `maxBackpressure`. */
    send(message: RecognizedString, isBinary?: boolean, compress?: boolean): number
    getBufferedAmount(): number
    /** With a close frame; what is buffered is lost. */
    end(code?: number, shortMessage?: RecognizedString): void
    /** At once, without a close frame. `close` is called from inside. */
    close(): void
    ping(message?: RecognizedString): number
    subscribe(topic: RecognizedString): boolean
    unsubscribe(topic: RecognizedString): boolean
    isSubscribed(topic: RecognizedString): boolean
    getTopics(): string[]
    publish(topic: RecognizedString, message: RecognizedString, isBinary?: boolean): boolean
    cork(callback: () => void): WebSocket<UserData>
    getRemoteAddress(): ArrayBuffer
    getRemoteAddressAsText(): ArrayBuffer
    getUserData(): UserData
  }

  export interface HttpResponse {
    writeStatus(status: RecognizedString): HttpResponse
    writeHeader(key: RecognizedString, value: RecognizedString): HttpResponse
    write(chunk: RecognizedString): boolean
    end(body?: RecognizedString, closeConnection?: boolean): HttpResponse
    endWithoutBody(reportedContentLength?: number, closeConnection?: boolean): HttpResponse
    close(): HttpResponse
    cork(callback: () => void): HttpResponse
    upgrade<UserData>(
      userData: UserData,
      secWebSocketKey: RecognizedString,
      secWebSocketProtocol: RecognizedString,
      secWebSocketExtensions: RecognizedString,
      context: us_socket_context_t,
    ): void
    /** To be set before a callback returns without an answer. */
    onAborted(handler: () => void): HttpResponse
    onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): HttpResponse
    getRemoteAddress(): ArrayBuffer
    getRemoteAddressAsText(): ArrayBuffer
    /** The source of a PROXY protocol v2 head; of no length when there was none. */
    getProxiedRemoteAddress(): ArrayBuffer
    getProxiedRemoteAddressAsText(): ArrayBuffer
  }

  export interface HttpRequest {
    /** Lower case; '' when the header is missing. */
    getHeader(lowerCaseKey: RecognizedString): string
    forEach(callback: (key: string, value: string) => void): void
    getMethod(): string
    getCaseSensitiveMethod(): string
    getUrl(): string
    getQuery(): string
    getQuery(key: string): string | undefined
    setYield(isYielded: boolean): HttpRequest
  }

  export interface WebSocketBehavior<UserData> {
    maxPayloadLength?: number
    /** Seconds; 0 = never. */
    idleTimeout?: number
    /** Minutes; 0 = never. */
    maxLifetime?: number
    compression?: number
    maxBackpressure?: number
    closeOnBackpressureLimit?: boolean
    sendPingsAutomatically?: boolean
    upgrade?: (
      response: HttpResponse,
      request: HttpRequest,
      context: us_socket_context_t,
    ) => void | Promise<void>
    open?: (socket: WebSocket<UserData>) => void
    message?: (socket: WebSocket<UserData>, message: ArrayBuffer, isBinary: boolean) => void
    dropped?: (socket: WebSocket<UserData>, message: ArrayBuffer, isBinary: boolean) => void
    drain?: (socket: WebSocket<UserData>) => void
    close?: (socket: WebSocket<UserData>, code: number, message: ArrayBuffer) => void
    ping?: (socket: WebSocket<UserData>, message: ArrayBuffer) => void
    pong?: (socket: WebSocket<UserData>, message: ArrayBuffer) => void
    subscription?: (
      socket: WebSocket<UserData>,
      topic: ArrayBuffer,
      newCount: number,
      oldCount: number,
    ) => void
  }

  /** File names; read once, by `SSLApp`. */
  export interface AppOptions {
    key_file_name?: string
    cert_file_name?: string
    ca_file_name?: string
    passphrase?: string
    dh_params_file_name?: string
    ssl_ciphers?: string
    ssl_prefer_low_memory_usage?: boolean
  }

  type HttpHandler = (response: HttpResponse, request: HttpRequest) => void | Promise<void>
  type OnListen = (socket: us_listen_socket | false) => void

  export interface TemplatedApp {
    ws<UserData>(pattern: string, behavior: WebSocketBehavior<UserData>): TemplatedApp
    any(pattern: string, handler: HttpHandler): TemplatedApp
    get(pattern: string, handler: HttpHandler): TemplatedApp
    post(pattern: string, handler: HttpHandler): TemplatedApp
    listen(port: number, callback: OnListen): TemplatedApp
    listen(host: string, port: number, callback: OnListen): TemplatedApp
    listen(host: string, port: number, options: number, callback: OnListen): TemplatedApp
    listen(port: number, options: number, callback: OnListen): TemplatedApp
    listen_unix(callback: OnListen, path: string): TemplatedApp
    publish(topic: RecognizedString, message: RecognizedString, isBinary?: boolean): boolean
    numSubscribers(topic: RecognizedString): number
    addServerName(hostname: string, options: AppOptions): TemplatedApp
    removeServerName(hostname: string): TemplatedApp
    missingServerName(callback: (hostname: string) => void): TemplatedApp
    filter(callback: (response: HttpResponse, count: number) => void): TemplatedApp
    close(): TemplatedApp
  }

  export function App(options?: AppOptions): TemplatedApp
  export function SSLApp(options: AppOptions): TemplatedApp
  export function us_listen_socket_close(socket: us_listen_socket): void
  export function us_socket_local_port(socket: us_listen_socket): number
  export const DISABLED: number
  export const LIBUS_LISTEN_EXCLUSIVE_PORT: number
}
