/**
 * The health listener: GET or HEAD of `/healthz`, `/readyz` and `/metrics`, and nothing else.
 *
 * It has its own port, on the main thread, which serves no clients: probes are answered even when the other ports are
 * full. At its own connection limit, the oldest idle connection of the address with the most is closed for a new one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Liveness, Readiness } from '../../health/readiness.js'
import { listen } from '../../net/listen.js'

export interface HealthAnswers {
  liveness(): Promise<Liveness>
  readiness(): Promise<Readiness>
  metrics(): Promise<{ contentType: string; body: string }>
}

export interface HealthServerOptions {
  host: string
  /** 0 = any free one. */
  port: number
  connectionsMax: number
}

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

/** How long a request may take to arrive, and an idle connection may stay; ms. */
const REQUEST_MS = 5_000
const KEEP_ALIVE_MS = 5_000
/** How late either may be noticed; ms. */
const LOOK_MS = 1_000
const HEADER_BYTES_MAX = 8_192
/** Requests of one connection, for one that asks without a pause gives way then. */
const REQUESTS_PER_CONNECTION_MAX = 100

/** Rejects with the system's error (such as EADDRINUSE) when it cannot listen. */
export async function serveHealth(
  answers: HealthAnswers,
  { host, port, connectionsMax }: HealthServerOptions,
): Promise<HealthServer> {
  const room = new Room(connectionsMax)
  const server = createServer(
    {
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: LOOK_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    (request, response) => {
      const leave = room.keepBusy(request.socket)
      response.once('close', leave)
      void answer(answers, request, response)
    },
  )
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX
  server.on('connection', (socket: Socket) => room.enter(socket))
  await listen(server, host, port)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Answer {
  status: number
  contentType: string
  body: string
}

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json'

const PATHS: Record<string, (answers: HealthAnswers) => Promise<Answer>> = {
  '/healthz': async ({ liveness }) => {
    const { alive, missing } = await liveness()
    return { status: alive ? 200 : 503, contentType: TEXT, body: missing ?? 'ok' }
  },
  '/readyz': async ({ readiness }) => {
    const verdict = await readiness()
    return { status: verdict.ready ? 200 : 503, contentType: JSON_TYPE, body: JSON.stringify(verdict) }
  },
  '/metrics': async ({ metrics }) => ({ status: 200, ...(await metrics()) }),
}

async function answer(
  answers: HealthAnswers,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, contentType, body } = await answerTo(answers, request)
  response.setHeader('Content-Type', contentType)
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.setHeader('Cache-Control', 'no-store')
  if (status === 405) response.setHeader('Allow', 'GET, HEAD')
  // A body would have to be read before the next request; nobody who asks for health sends one.
  if (hasBody(request)) response.setHeader('Connection', 'close')
  response.writeHead(status)
  response.end(body)
}

async function answerTo(answers: HealthAnswers, { method, url = '' }: IncomingMessage): Promise<Answer> {
  const path = url.split('?', 1)[0]!
  const find = Object.hasOwn(PATHS, path) ? PATHS[path] : undefined
  if (find === undefined) return { status: 404, contentType: TEXT, body: 'not found\n' }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, contentType: TEXT, body: 'GET or HEAD\n' }
  try {
    return await find(answers)
  } catch (error) {
    return { status: 500, contentType: TEXT, body: `${error instanceof Error ? error.message : error}\n` }
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return (
    headers['transfer-encoding'] !== undefined || Number.parseInt(headers['content-length'] ?? '0', 10) !== 0
  )
}

/** The open connections, oldest first. */
class Room {
  readonly #max: number
  readonly #addresses = new Map<Socket, string>()
  readonly #busy = new Set<Socket>()

  constructor(max: number) {
    this.#max = max
  }

  enter(socket: Socket): void {
    if (this.#addresses.size >= this.#max) this.#makeRoom()
    this.#addresses.set(socket, socket.remoteAddress ?? '')
    socket.once('close', () => this.#leave(socket))
  }

  /** It is being answered; call what is returned when that is over. */
  keepBusy(socket: Socket): () => void {
    this.#busy.add(socket)
    return () => this.#busy.delete(socket)
  }

  #makeRoom(): void {
    const counts = new Map<string, number>()
    for (const address of this.#addresses.values()) counts.set(address, (counts.get(address) ?? 0) + 1)
    const most = Math.max(...counts.values())
    const crowd = [...this.#addresses].filter(([, address]) => counts.get(address) === most)
    const [leaving] = crowd.find(([socket]) => !this.#busy.has(socket)) ?? crowd[0]!
    this.#leave(leaving)
    leaving.destroy()
  }

  #leave(socket: Socket): void {
    this.#addresses.delete(socket)
    this.#busy.delete(socket)
  }
}
