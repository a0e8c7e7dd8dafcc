/** What the raw server of servers/raw-uws-server.ts understands: a list of names to watch, and nothing else. */
import { decodedOnce } from '../../../src/sdk/decoded-once.js'
import type { Target } from '../../../src/sdk/light-socket.js'
import type { Account } from '../peer.js'
import { type Change, type ClientEvents, WebSocketClient } from './client.js'

const decode = decodedOnce((payload) => JSON.parse(payload.toString('latin1')) as Change)

/** The server's first frames: to every client, and to those that watch. */
export const WELCOME = 'welcome'
export const WATCHING = 'watching'

export class RawClient extends WebSocketClient {
  constructor(target: Target, account: Account, events: ClientEvents) {
    super(target, `/${account.userId}`, account, events)
  }

  watch(): void {
    this.sendText(this.account.watches.join())
  }

  protected override onFrame(length: number, payload: Buffer): void {
    if (length === WELCOME.length) return this.events.loggedIn()
    if (length === WATCHING.length) return this.events.watching()
    this.tell([decode(payload)])
  }
}
