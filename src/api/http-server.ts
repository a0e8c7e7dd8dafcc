/** The REST port: an HTTP/1.1 server around a fetch function, with every time and number bounded. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Networks } from '../net/networks.js'
import { secureOptions, type TlsPair } from '../net/tls-files.js'
import { addressOfRequest, type CallerEnv, type TrustedProxies } from './caller.js'

export interface HttpServer {
  readonly port: number
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
  /** Whose word counts for the caller's address; by default nobody's. */
  proxies?: TrustedProxies
  /** By default no TLS is spoken. */
  tls?: TlsPair
}

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
    { overrideGlobalObjects: false },
  )
  const server: Server | TlsServer =
    tls === undefined
      ? createServer(times, listener)
      : createTlsServer({ ...times, handshakeTimeout: requestTimeout, ...secureOptions(tls) }, listener)
  // Without this a stop would wait for the keep-alive time of every connection that was busy when it began.
  server.on('request', (_request, response) => {
    response.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections())
    })
  })
  server.maxConnections = options.connectionsMax ?? 1024
  await listen(server, options.host, options.port)
  return {
    port: (server.address() as AddressInfo).port,
    useTls: (pair) => {
      if ('setSecureContext' in server) server.setSecureContext(secureOptions(pair))
    },
    close: (timeoutMs) => close(server, timeoutMs),
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
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
