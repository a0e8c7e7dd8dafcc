/** The client of a call of REST: the other end of its connection, or the one that trusted proxies name. */
import type { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import { normalizeAddress } from '../../net/address.js'
import { clientAddress, type ForwardedHeader } from '../../net/client-address.js'
import type { Networks } from '../../net/networks.js'

/** What the server tells the routes of a call, beside the request itself. */
export interface CallerEnv {
  /** Worked out when asked for. */
  callerAddress(): string
}

export interface TrustedProxies {
  /** Empty = nothing that a request says of its address is believed. */
  trusted: Networks
  header: ForwardedHeader
}

export function addressOfRequest(request: IncomingMessage, { trusted, header }: TrustedProxies): string {
  const peer = normalizeAddress(request.socket.remoteAddress ?? '')
  if (trusted.isEmpty) return peer
  const { headers } = request
  return clientAddress(
    peer,
    {
      proxyProtocol: '',
      // Node joins the lines of both with commas, in their order.
      xForwardedFor: String(headers['x-forwarded-for'] ?? ''),
      forwarded: String(headers.forwarded ?? ''),
    },
    trusted,
    header,
  )
}

/** The caller's address without port, in its one spelling; '' where there is no connection, as in tests of routes. */
export function callerAddress(c: Context): string {
  const env = c.env as Partial<CallerEnv> | undefined
  return env?.callerAddress?.() ?? ''
}
