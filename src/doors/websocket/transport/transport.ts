/**
 * The socket edge: what the io thread needs of a WebSocket server, whichever library does the work.
 *
 * Two implementations pass the same tests (`test/gateway/transport.test.ts`): `uws-transport.ts` (native, the
 * default) and `ws-transport.ts` (portable). One transport belongs to one thread. `Owner` is whatever that thread
 * hangs on a socket; the transport only hands it back.
 */

import type { ForwardedHeader } from '../../../net/client-address.js'
import { Networks } from '../../../net/networks.js'
import type { ProxyVersion } from '../../../net/proxy-protocol.js'
import type { TlsPair } from '../../../net/tls-files.js'
import type { FrameExcess, FrameLimits } from '../frame-budget.js'

import type { AcceptBudget } from './accept-budget.js'

/** `sent` left or will leave in order; `buffered` too, but the peer reads slowly; `dropped` was over the limit. */
export type SendResult = 'sent' | 'buffered' | 'dropped'

export interface Socket {
  /** The client's address as text, without port. */
  readonly address: string
  /** Its end has been reported by `closed`, or is about to be. */
  readonly isGone: boolean
  send(data: Uint8Array | string, isBinary: boolean): SendResult
  /** WebSocket ping with an empty payload. */
  ping(): void
  /** Frames published to the topic reach this socket from now on, in order with `send`. False = it already did. */
  subscribe(topic: string): boolean
  unsubscribe(topic: string): boolean
  isSubscribed(topic: string): boolean
  /** Bytes that wait in this process for a slow peer. */
  bufferedBytes(): number
  /** Let what was sent leave, then a close frame, then close. */
  end(code: number, reason: string): void
  /** Let what was sent leave, then close TCP with no close frame, as OpenIM does. */
  drop(): void
}

/** A WebSocket handshake that waits for a verdict. Exactly one of `accept` and `refuse` is called, at any time. */
export interface UpgradeRequest<Owner> {
  /** Raw query string, without `?`. */
  readonly query: string
  /** The client's address as text, without port: the peer's own, or what trusted proxies say of it. */
  readonly address: string
  /** `compression`, `host` or `origin`; `''` when absent. */
  header(name: string): string
  /** The hosts that the client may have asked for, as `host[:port]`: its own word, and that of trusted proxies. */
  hosts(): readonly string[]
  /**
   * Complete the handshake; cheapest and safest from inside the `upgrade` callback. Undefined when the peer has gone
   * meanwhile (nothing more will be heard of it).
   */
  accept(owner: Owner): Socket | undefined
  /** Answer over HTTP without upgrading. */
  refuse(status: number, contentType: string, body: string): void
}

/** What happens on the sockets of one transport. Callbacks come from the event loop, never inside a call above... */
export interface TransportHandlers<Owner> {
  upgrade(request: UpgradeRequest<Owner>): void
  /** A handshake was answered 400 and goes no further. Called before the answer leaves. */
  malformed?(reason: MalformedReason): void
  /** `data` is the receiver's to keep. */
  message(owner: Owner, data: Uint8Array, isBinary: boolean): void
  /** The peer sent a WebSocket ping (already answered with the same payload) or a pong. Once for each: to be cheap. */
  heard(owner: Owner): void
  /** The peer sent more than its share, and is cut: `closed` follows with code 1008. */
  overShare(reason: FrameExcess): void
  /** The peer reads again: nothing is buffered any more. */
  drained(owner: Owner): void
  /**
   * ...but `closed` may also come from inside `end` and `drop`. Exactly once for every accepted socket; its
   * topics are gone. `clean` = a close frame came from the peer.
   */
  closed(owner: Owner, code: number, clean: boolean): void
  /** A socket left the topic, by itself or by closing; `remaining` sockets of this transport are still in it. */
  unsubscribed(topic: string, remaining: number): void
}

/** `head`: its headers contradict each other; `proxyHeader`: the PROXY protocol was not spoken as agreed. */
export type MalformedReason = 'head' | 'proxyHeader'

/** The proxies that may stand before a port. */
export interface ProxySettings {
  /** Empty = every connection is a client's own, and nothing that it says of its address is believed. */
  trusted: Networks
  header: ForwardedHeader
  /** What the trusted ones begin every connection with. A handshake of theirs without it is refused. */
  protocol: 'off' | ProxyVersion
}

export const NO_PROXIES: ProxySettings = { trusted: new Networks([]), header: 'none', protocol: 'off' }

export interface TransportOptions {
  /** A longer message (after assembly, before gunzip; bytes) closes its connection with 1009. */
  messageBytesMax: number
  /** Above this a slow socket is closed (code 1013 is reported to `closed`), so that memory stays bounded. */
  backpressureBytesMax: number
  /** Who may be connected before the handshake; absent = everybody. */
  accepts?: AcceptBudget
  /** A socket that sends more is cut at once, in the callback that noticed it. */
  frameLimits: FrameLimits
  /** A socket that sends no byte for so long is cut (ms), also after `end`. Longer than any other patience with it. */
  silenceMsMax: number
  /** By default every connection is a client's own. */
  proxies?: ProxySettings
  /** By default the port speaks no TLS. */
  tls?: TlsPair | undefined
}

export interface Transport {
  readonly name: 'uws' | 'ws'
  /** Listen on the host and port (0 = any free one); several threads may share a port where the transport can. */
  listen(host: string, port: number): Promise<number>
  /** Serve new connections with another certificate; open ones live on. Throws, and changes nothing, if it cannot. */
  useTls(pair: TlsPair): void
  /** Accept no more; open sockets live on. */
  stopListening(): void
  /** Send a binary frame to every subscriber of the topic, in order with their other frames. */
  publish(topic: string, frame: Uint8Array): void
  subscriberCount(topic: string): number
  /** Free everything native, dropping open sockets. Must be the last call before the thread ends, on every path. */
  close(): void
}

export type CreateTransport = <Owner>(
  handlers: TransportHandlers<Owner>,
  options: TransportOptions,
) => Transport
