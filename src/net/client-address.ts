/**
 * The client's address of a request, where proxies stand before this port.
 *
 * Start at the peer of the connection. As long as a hop is a trusted proxy, go on to the hop that its header names. The
 * first hop that is no trusted proxy is the client; its own headers are ignored. Where a trusted proxy wrote no header
 * that can be read, that proxy counts as the client.
 */
import { forwardedEntriesOf, type Hop, hopOfXForwardedFor, listOf, readForwarded } from './forwarded.js'
import type { Networks } from './networks.js'

/** Which header the trusted proxies write. `auto`: either; where both are there they must agree. */
export type ForwardedHeader = 'auto' | 'x-forwarded-for' | 'forwarded' | 'none'

/** What came with a connection and its request; '' = nothing. */
export interface AddressClaims {
  /** By the PROXY protocol: the peer of the proxy that is this connection's peer. */
  proxyProtocol: string
  /** All lines of the header, joined by commas. */
  xForwardedFor: string
  forwarded: string
}

/** All addresses are in their one spelling, and so is the result. */
export function clientAddress(
  peer: string,
  claims: AddressClaims,
  trusted: Networks,
  header: ForwardedHeader,
): string {
  if (!trusted.has(peer)) return peer
  const nearest = claims.proxyProtocol || peer
  if (header === 'none' || !trusted.has(nearest)) return nearest
  const found = new Set<string>()
  const follow = (entries: string[], hopOf: (entry: string) => Hop): void => {
    if (entries.length > 0) found.add(walk(nearest, entries, hopOf, trusted))
  }
  if (header !== 'forwarded') follow(listOf(claims.xForwardedFor), hopOfXForwardedFor)
  if (header !== 'x-forwarded-for')
    follow(forwardedEntriesOf(claims.forwarded), (entry) => readForwarded(entry).for)
  // A proxy that writes one header lets the other pass: of two that differ, the client may have written either.
  return found.size === 1 ? [...found][0]! : nearest
}

/** From the right: only what a trusted proxy vouches for is read at all, however long the client made the list. */
function walk(
  nearest: string,
  entries: readonly string[],
  hopOf: (entry: string) => Hop,
  trusted: Networks,
): string {
  let last = nearest
  for (let at = entries.length - 1; at >= 0; at--) {
    const hop = hopOf(entries[at]!)
    if (hop === undefined) return last
    last = hop
    if (!trusted.has(hop)) return last
  }
  return last
}
