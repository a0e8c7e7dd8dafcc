/** The head of a request to the WebSocket port: what is kept of it, and whether it can be trusted to end where it says. */

import { type AddressClaims, clientAddress } from '../../../net/client-address.js'
import { forwardedEntriesOf, listOf, readForwarded } from '../../../net/forwarded.js'
import type { ProxySettings } from './transport.js'

/** Headers that stand once. A second one is how one server is made to read another request than the next. */
const SINGLE = ['compression', 'host', 'origin', 'sec-websocket-key', 'content-length', 'transfer-encoding']
/** Headers that every proxy on the way may add to, in the same line or in one of its own. */
const LISTS = ['x-forwarded-for', 'forwarded', 'x-forwarded-host', 'x-forwarded-port']

const KEPT = new Map([
  ...SINGLE.map((name) => [name, false] as const),
  ...LISTS.map((name) => [name, true] as const),
])

export class RequestHead {
  readonly #values = new Map<string, string>()
  #isAmbiguous = false

  /** One line of the head, in their order; `name` in lower case. */
  add(name: string, value: string): void {
    const isList = KEPT.get(name)
    if (isList === undefined) return
    const before = this.#values.get(name)
    if (before === undefined) this.#values.set(name, value)
    else if (isList) this.#values.set(name, `${before},${value}`)
    else this.#isAmbiguous = true
  }

  /** `''` when absent, or not among those that are kept. */
  get(name: string): string {
    return this.#values.get(name) ?? ''
  }

  /**
   * Why this request must not be served; undefined where it may. Nothing on this port takes a body, so a client that sends
   * one in pieces, or says two things about its length, is after another server on the way.
   */
  fault(): string | undefined {
    if (this.#isAmbiguous) return 'a header that stands once came twice'
    if (this.#values.has('transfer-encoding')) return 'Transfer-Encoding is not taken here'
    const length = this.#values.get('content-length')
    if (length !== undefined && !/^\d{1,15}$/.test(length)) return 'Content-Length is no number'
    return undefined
  }

  /** The same of a handshake, which has no body at all. */
  handshakeFault(): string | undefined {
    return this.fault() ?? (Number(this.get('content-length')) > 0 ? 'a handshake has no body' : undefined)
  }

  /** `peer`: the other end of the TCP connection; `proxied`: the client by the PROXY protocol, '' without it. */
  addressOf(peer: string, proxied: string, { trusted, header }: ProxySettings): string {
    if (trusted.isEmpty) return peer
    const claims: AddressClaims = {
      proxyProtocol: proxied,
      xForwardedFor: this.get('x-forwarded-for'),
      forwarded: this.get('forwarded'),
    }
    return clientAddress(peer, claims, trusted, header)
  }

  /** The hosts that the client may have asked for; `isThroughProxy`: what a trusted proxy says of that counts. */
  hosts(isThroughProxy: boolean): string[] {
    const asked = [this.get('host')]
    if (isThroughProxy) {
      asked.push(...listOf(this.get('x-forwarded-host')))
      asked.push(readForwarded(forwardedEntriesOf(this.get('forwarded')).at(-1) ?? '').host)
      // For proxies that pass the name on without its port.
      const port = listOf(this.get('x-forwarded-port')).at(-1) ?? ''
      if (/^\d{1,5}$/.test(port)) asked.push(...asked.filter(isBareName).map((host) => `${host}:${port}`))
    }
    return asked.filter((host) => host !== '')
  }
}

function isBareName(host: string): boolean {
  return /^([^:]+|\[[^\]]*\])$/.test(host)
}
