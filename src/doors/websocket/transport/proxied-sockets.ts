/** The PROXY protocol before Node's own servers, which do not know of it. */

import type { Server, Socket } from 'node:net'
import { normalizeAddress, otherEnd } from '../../../net/address.js'
import type { Networks } from '../../../net/networks.js'
import { type ProxyVersion, readProxyHeader } from '../../../net/proxy-protocol.js'

/** How long the header may take to come, before the connection is cut. */
const HEADER_MS_MAX = 10_000

/** What both a TCP socket and the TLS socket around it know. */
export type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>

export class ProxiedSockets {
  /** By the other end of the connection: a TLS socket does not say which TCP socket it is around. */
  readonly #addresses = new Map<string, string>()
  /** Those whose header is still to come. */
  readonly #waiting = new Set<Socket>()

  /**
   * From now on, what a trusted peer sends reaches the server (HTTP, or TLS) without its PROXY header. Connections
   * that begin otherwise, and those of other peers, reach it as they are.
   */
  constructor(
    server: Server,
    version: ProxyVersion,
    private readonly trusted: Networks,
  ) {
    const takers = server.listeners('connection') as ((socket: Socket) => void)[]
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      const take = () => {
        for (const taker of takers) taker.call(server, socket)
      }
      if (!this.trusted.has(normalizeAddress(socket.remoteAddress ?? ''))) take()
      else this.#readHeader(socket, version, take)
    })
  }

  /** The client that the PROXY header of this connection named; '' = none. */
  addressOf(socket: Partial<Ends>): string {
    return this.#addresses.get(otherEnd(socket)) ?? ''
  }

  /** Cut those whose header is still to come. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy()
  }

  #readHeader(socket: Socket, version: ProxyVersion, take: () => void): void {
    this.#waiting.add(socket)
    let bytes = Buffer.alloc(0)
    const late = setTimeout(() => socket.destroy(), HEADER_MS_MAX)
    const onReadable = () => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      bytes = Buffer.concat([bytes, chunk])
      const header = readProxyHeader(version, bytes)
      if (header.kind === 'more') return
      finish()
      if (header.kind === 'malformed') return void socket.destroy()
      const length = header.kind === 'header' ? header.length : 0
      if (header.kind === 'header' && header.address !== '') this.#remember(socket, header.address)
      if (bytes.length > length) socket.unshift(bytes.subarray(length))
      take()
    }
    const onGone = () => {
      finish()
      socket.destroy()
    }
    const finish = () => {
      clearTimeout(late)
      this.#waiting.delete(socket)
      socket.off('readable', onReadable)
      for (const event of ['end', 'error', 'close']) socket.off(event, onGone)
    }
    socket.on('readable', onReadable)
    for (const event of ['end', 'error', 'close']) socket.on(event, onGone)
  }

  #remember(socket: Socket, address: string): void {
    const key = otherEnd(socket)
    this.#addresses.set(key, address)
    socket.once('close', () => this.#addresses.delete(key))
  }
}
