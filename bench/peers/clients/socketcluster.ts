/** SocketCluster's protocol 2: JSON events, requests with a number, an empty frame as ping and pong. */
import { decodedOnce } from '../../../src/sdk/decoded-once.js'
import type { Target } from '../../../src/sdk/light-socket.js'
import type { Account } from '../peer.js'
import { type Change, type ClientEvents, WebSocketClient } from './client.js'

const HANDSHAKE = 1
const STATUS = 2
/** Of the first subscription; the others follow. */
const FIRST_SUBSCRIPTION = 3

interface Packet {
  event?: string
  data?: { channel: string; data: Change } | string[] | { isAuthenticated: boolean }
  /** The request that this answers. */
  rid?: number
  error?: { message: string }
}

const decode = decodedOnce((payload) => JSON.parse(payload.toString('latin1')) as Packet)

export class SocketClusterClient extends WebSocketClient {
  constructor(target: Target, account: Account, events: ClientEvents) {
    super(target, '/socketcluster/', account, events)
  }

  watch(): void {
    const { watches } = this.account
    const subscriptions = watches.map((userId, n) => ({
      event: '#subscribe',
      data: { channel: `watch/${userId}` },
      cid: FIRST_SUBSCRIPTION + n,
    }))
    this.sendText(JSON.stringify([...subscriptions, { event: 'status', data: watches, cid: STATUS }]))
  }

  protected override onUpgraded(): void {
    const data = { authToken: this.account.secret }
    this.sendText(JSON.stringify({ event: '#handshake', data, cid: HANDSHAKE }))
  }

  protected override onFrame(length: number, payload: Buffer): void {
    if (length === 0) return this.sendText('')
    const { event, data, rid, error } = decode(payload)
    if (error !== undefined) throw new Error(`refused: ${error.message}`)
    if (event === '#publish') return this.tell([(data as { data: Change }).data])
    if (rid === HANDSHAKE) {
      if (!(data as { isAuthenticated: boolean }).isAuthenticated) throw new Error(`refused: ${payload}`)
      return this.events.loggedIn()
    }
    if (rid !== STATUS) return
    this.tell((data as string[]).map((userId) => ({ userId, isOnline: true })))
    this.events.watching()
  }
}
