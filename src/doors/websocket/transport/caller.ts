import type { RequestHead } from './request-head.js'
import type { MalformedReason, ProxySettings } from './transport.js'

/** The client of a handshake; or why it is refused, in a word for the metrics and a line for the caller. */
export type Caller = { address: string; isThroughProxy: boolean } | { reason: MalformedReason; why: string }

/** `peer`: the other end of the TCP connection; `proxied`: the client by the PROXY protocol, '' without it. */
export function callerOf(head: RequestHead, peer: string, proxied: string, proxies: ProxySettings): Caller {
  const fault = head.handshakeFault()
  if (fault !== undefined) return { reason: 'head', why: fault }
  const { trusted, protocol } = proxies
  if (trusted.isEmpty) return { address: peer, isThroughProxy: false }
  const isProxy = trusted.has(peer)
  if (protocol !== 'off' && isProxy !== (proxied !== '')) {
    const why = isProxy
      ? 'no PROXY header with the address of a client'
      : 'a PROXY header from an untrusted address'
    return { reason: 'proxyHeader', why }
  }
  return {
    address: head.addressOf(peer, proxied, proxies),
    // Behind a proxy that only passes bytes on, the headers are those of the client behind it.
    isThroughProxy: isProxy && (proxied === '' || trusted.has(proxied)),
  }
}
