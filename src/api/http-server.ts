/** The REST port: an HTTP/1.1 server around a fetch function, with every time and number bounded. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'

export interface HttpServer {
  readonly port: number
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
}

/** Rejects with the system's error (such as EADDRINUSE) when it cannot listen. */
export async function serveHttp(
  fetch: (request: Request) => Response | Promise<Response>,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const requestTimeout = options.requestTimeoutMs ?? 10_000
  const server = createServer(
    {
      requestTimeout,
      headersTimeout: requestTimeout,
      keepAliveTimeout: options.keepAliveTimeoutMs ?? 65_000,
      // How late a slow request may be noticed; Node's default of 30 s would let it live four times its time.
      connectionsCheckingInterval: Math.max(100, Math.min(requestTimeout / 4, 5000)),
    },
    getRequestListener((request) => fetch(request), { overrideGlobalObjects: false }),
  )
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
