/** Socket.IO 4 over one WebSocket: Engine.IO 4 packets by their first digit, Socket.IO packets by their second. */
import { decodedOnce } from '../../../src/sdk/decoded-once.js'
import type { Target } from '../../../src/sdk/light-socket.js'
import type { Account } from '../peer.js'
import { type Change, type ClientEvents, WebSocketClient } from './client.js'

const OPEN = '0'
const PING = '2'
const PONG = '3'
const CONNECT = '40'
const EVENT = '42'
const ACK = '43'
/** Of the one request that a client makes. */
const REQUEST = '0'

const decodeEvent = decodedOnce((payload) => {
  const [name, change] = JSON.parse(payload.toString('latin1', EVENT.length)) as [string, Change]
  if (name !== 'presence') throw new Error(`unexpected event ${name}`)
  return change
})

export class SocketIoClient extends WebSocketClient {
  constructor(target: Target, account: Account, events: ClientEvents) {
    super(target, '/socket.io/?EIO=4&transport=websocket', account, events)
  }

  watch(): void {
    this.sendText(`${EVENT}${REQUEST}${JSON.stringify(['watch', this.account.watches])}`)
  }

  protected override onFrame(_length: number, payload: Buffer): void {
    const kind = payload.toString('latin1', 0, 2)
    if (kind === EVENT) return this.tell([decodeEvent(payload)])
    if (kind.startsWith(OPEN)) {
      return this.sendText(`${CONNECT}${JSON.stringify({ token: this.account.secret })}`)
    }
    if (kind === PING) return this.sendText(PONG)
    if (kind === CONNECT) return this.events.loggedIn()
    if (kind !== ACK) throw new Error(`unexpected packet ${payload}`)
    const [online] = JSON.parse(payload.toString('latin1', ACK.length + REQUEST.length)) as [string[]]
    this.tell(online.map((userId) => ({ userId, isOnline: true })))
    this.events.watching()
  }
}
