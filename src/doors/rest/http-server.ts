/** The REST port: an HTTP/1.1 server around a fetch function, with every time and number bounded. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { limitKeyOf, normalizeAddress, otherEnd } from '../../net/address.js'
import { listen } from '../../net/listen.js'
import { Networks } from '../../net/networks.js'
import { secureOptions, type TlsPair } from '../../net/tls-files.js'
import { addressOfRequest, type CallerEnv, type TrustedProxies } from './caller.js'
import { ConnectionPlaces, type Place } from './connection-places.js'

export interface HttpServer {
  readonly port: number
  readonly places: Pick<ConnectionPlaces, 'count' | 'counts'>
  /** Serve new connections with another certificate; only where there was one. */
  useTls(pair: TlsPair): void
  /** Accept no more, let open requests finish for at most `timeoutMs`, then cut them. Never rejects. */
  close(timeoutMs: number): Promise<void>
}

export interface HttpServerOptions {
  host: string
  /** 0 = any free one. */
  port: number
  /** A request whose head and body take longer to arrive is answered 408. ms */
  requestTimeoutMs?: number
  /** An idle connection is closed after so long. ms */
  keepAliveTimeoutMs?: number
  connectionsMax?: number
  connectionsPerAddressMax?: number
  /** How many bits of an IPv6 address count as one address. */
  prefixV6?: number
  /** Hears of every connection that was cut or refused for want of places. */
  report?: (reason: 'yielded' | 'refused') => void
  /** Proxies whose headers tell the caller's address; by default none. */
  proxies?: TrustedProxies
  /** By default no TLS is spoken. */
  tls?: TlsPair
}

/** A client that does not read its answer is cut after so long. */
const SILENCE_MS = 30_000
const NO_PLACE = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
const NO_PROXIES: TrustedProxies = { trusted: new Networks([]), header: 'none' }

/** Rejects with the system's error (such as EADDRINUSE) when it cannot listen. */
export async function serveHttp(
  fetch: (request: Request, env: CallerEnv) => Response | Promise<Response>,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const requestTimeout = options.requestTimeoutMs ?? 10_000
  const times = {
    requestTimeout,
    headersTimeout: requestTimeout,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? 65_000,
    // How late a slow request may be noticed; Node's default of 30 s would let it live four times its time.
    connectionsCheckingInterval: Math.max(100, Math.min(requestTimeout / 4, 5000)),
  }
  const { proxies = NO_PROXIES, tls } = options
  const listener = getRequestListener(
    (request, env) =>
      fetch(request, { callerAddress: () => addressOfRequest(env.incoming as IncomingMessage, proxies) }),
    // Probes of HTTP/1.0 name no host.
    { overrideGlobalObjects: false, hostname: 'localhost' },
  )
  const server: Server | TlsServer =
    tls === undefined
      ? createServer(times, listener)
      : createTlsServer({ ...times, handshakeTimeout: requestTimeout, ...secureOptions(tls) }, listener)
  server.timeout = SILENCE_MS
  const places = givePlaces(server, options, proxies)
  // Without this a stop would wait for the keep-alive time of every connection that was busy when it began.
  server.on('request', (_request, response) => {
    response.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections())
    })
  })
  await listen(server, options.host, options.port)
  return {
    port: (server.address() as AddressInfo).port,
    places,
    useTls: (pair) => {
      if ('setSecureContext' in server) server.setSecureContext(secureOptions(pair))
    },
    close: (timeoutMs) => close(server, timeoutMs),
  }
}

/** One connection, and the calls on it that this side has not answered: more than one where a client pipelines. */
class Connection implements Place {
  readonly calls = new Map<ServerResponse, IncomingMessage>()

  constructor(
    readonly key: string | undefined,
    readonly socket: Socket,
  ) {}

  mayYield(): boolean {
    for (const [response, request] of this.calls)
      if (request.complete && !response.writableEnded) return false
    return true
  }

  yield(): void {
    this.socket.destroy()
  }
}

function givePlaces(
  server: Server | TlsServer,
  options: HttpServerOptions,
  { trusted }: TrustedProxies,
): ConnectionPlaces {
  const { connectionsMax = 2_048, connectionsPerAddressMax = 256, prefixV6 = 64, report = () => {} } = options
  const places = new ConnectionPlaces({ max: connectionsMax, perKeyMax: connectionsPerAddressMax, report })
  // By their other ends: with TLS the socket of a request is another than that which came.
  const connections = new Map<string, Connection>()
  server.on('connection', (socket: Socket) => {
    const address = normalizeAddress(socket.remoteAddress ?? '')
    const key = trusted.has(address) ? undefined : limitKeyOf(address, prefixV6)
    const connection = new Connection(key, socket)
    if (!places.take(connection)) return void socket.end(NO_PLACE, () => socket.destroy())
    const end = otherEnd(socket)
    connections.set(end, connection)
    socket.once('close', () => {
      places.release(connection)
      if (connections.get(end) === connection) connections.delete(end)
    })
  })
  server.on('request', (request, response) => {
    const connection = connections.get(otherEnd(request.socket))
    if (connection === undefined) return
    connection.calls.set(response, request)
    response.once('close', () => {
      connection.calls.delete(response)
      places.waitsAnew(connection)
    })
    if (places.isCrowded) response.shouldKeepAlive = false
  })
  return places
}

function close(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), timeoutMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
