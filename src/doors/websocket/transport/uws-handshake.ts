/** Requests to the native transport before they are WebSockets. */

import type * as Uws from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { normalizeAddress } from '../../../net/address.js'
import { callerOf } from './caller.js'
import { badRequest, type PlainAnswer, plainAnswer } from './plain-answers.js'
import { RequestHead } from './request-head.js'
import type { ProxySettings, Socket, TransportHandlers, UpgradeRequest } from './transport.js'

export interface HandshakeOptions<Owner, UserData> {
  handlers: TransportHandlers<Owner>
  proxies: ProxySettings
  /** What an accepted socket carries. */
  userData(owner: Owner, address: string): UserData & { socket: Socket }
}

/** `request` dies with this callback, `response` may die any time before the verdict. */
export function onUpgrade<Owner, UserData>(
  { handlers, proxies, userData }: HandshakeOptions<Owner, UserData>,
  response: Uws.HttpResponse,
  request: Uws.HttpRequest,
  context: Uws.us_socket_context_t,
): void {
  const answerer = new Answerer(response)
  const head = headOf(request)
  const peer = peerOf(response)
  // The library takes such a header from anybody; whether it is believed is decided here.
  const proxied = proxies.protocol === 'off' ? '' : addressText(response.getProxiedRemoteAddressAsText())
  const caller = callerOf(head, peer, proxied, proxies)
  if ('why' in caller) {
    handlers.malformed?.(caller.reason)
    return answerer.answer(badRequest(caller.why))
  }
  const { address, isThroughProxy } = caller
  const upgrade: UpgradeRequest<Owner> = {
    // Undefined, whatever its type says, when there is no `?`.
    query: request.getQuery() ?? '',
    address,
    header: (name) => head.get(name),
    hosts: () => head.hosts(isThroughProxy),
    accept: (owner) => {
      if (answerer.isGone) return undefined
      const data = userData(owner, address)
      // Inside the callback uWS has corked the response already. Later it has to be done here: uncorked, one
      // handshake would be 25 packets. That has a price in this release: after a cork it may take the upgraded
      // socket for an HTTP one, when its memory did not move, and close it by what it reads there. Seen with the
      // first socket of a thread only; mended upstream in July 2026. So accept inside the callback where you can.
      const key = head.get('sec-websocket-key')
      response.cork(() => response.upgrade<UserData>(data, key, '', '', context))
      return data.socket
    },
    refuse: (status, contentType, body) => answerer.answer({ status, body }, contentType),
  }
  handlers.upgrade(upgrade)
}

/** Whatever is no handshake. */
export function onPlainRequest(response: Uws.HttpResponse, request: Uws.HttpRequest): void {
  const method = request.getCaseSensitiveMethod()
  const fault = headOf(request).fault()
  const answer = fault === undefined ? plainAnswer(method, request.getUrl()) : badRequest(fault)
  new Answerer(response).answer(answer, 'text/plain', method === 'HEAD')
}

/**
 * The one answer of a connection that does not become a WebSocket: it is closed with that. The answer leaves in the
 * next turn of the loop, because the library goes on with the next request of a packet while it holds back the
 * answer to the first, its `Connection: close` included; but one that comes before the first is answered ends the
 * connection. So of several requests in a row none is served after a refusal, and the address
 * that the PROXY protocol gave to the first cannot be replaced by a later one.
 */
class Answerer {
  isGone = false

  constructor(private readonly response: Uws.HttpResponse) {
    response.onAborted(() => {
      this.isGone = true
    })
  }

  answer({ status, body }: PlainAnswer, contentType = 'text/plain', isHead = false): void {
    setImmediate(() => {
      if (this.isGone) return
      this.isGone = true
      this.response.cork(() => {
        this.response.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`)
        if (status === 426) this.response.writeHeader('Upgrade', 'websocket')
        this.response.writeHeader('Content-Type', contentType)
        if (isHead) this.response.endWithoutBody(Buffer.byteLength(body), true)
        else this.response.end(body, true)
      })
    })
  }
}

/** Line by line: asked for a header by name, the library knows only the first of its lines. */
function headOf(request: Uws.HttpRequest): RequestHead {
  const head = new RequestHead()
  request.forEach((name, value) => {
    head.add(name, value)
  })
  return head
}

/** The other end of the TCP connection, which may be a proxy. */
export function peerOf(response: Uws.HttpResponse): string {
  return addressText(response.getRemoteAddressAsText())
}

function addressText(bytes: ArrayBuffer): string {
  return normalizeAddress(Buffer.from(bytes).toString())
}
