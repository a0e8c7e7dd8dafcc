/**
 * XMPP over WebSocket (RFC 7395), SASL PLAIN, rosters of the server: whoever is in the roster is watched as soon as one
 * has said that one is present oneself.
 */
import type { Target } from '../../../src/sdk/light-socket.js'
import type { Account } from '../peer.js'
import { type ClientEvents, WebSocketClient } from './client.js'

/** The one domain of the server. */
export const DOMAIN = 'porchlight.test'

const OPEN = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${DOMAIN}" version="1.0"/>`
/**
 * ejabberd 23.01 answers an upgrade before it reads: once in some thousand logins it loses the frame that follows at
 * once. Longer than it ever takes to answer.
 */
const AGAIN_MS = 2_000
const CLOSE = '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>'
const BIND =
  '<iq xmlns="jabber:client" type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind">' +
  '<resource>bench</resource></bind></iq>'
const PRESENCE = '<presence xmlns="jabber:client"/>'
/** Where the sender's name stands in the first tag of a stanza. */
const SENDER = /^<presence[^>]* from=['"]([^@'"]+)@/
const UNAVAILABLE = /^<presence[^>]* type=['"]unavailable['"]/

export class XmppClient extends WebSocketClient {
  #isLeaving = false
  /** Runs until the server has said something. */
  #again: NodeJS.Timeout | undefined

  constructor(target: Target, account: Account, events: ClientEvents) {
    super({ ...target, protocol: 'xmpp' }, '/ws', account, events)
  }

  /** The login was enough. */
  watch(): void {
    this.events.watching()
  }

  override leave(): void {
    this.#isLeaving = true
    this.sendText(CLOSE)
  }

  protected override onUpgraded(): void {
    this.sendText(OPEN)
    this.#again = setTimeout(() => this.sendText(OPEN), AGAIN_MS)
  }

  protected override onFrame(_length: number, payload: Buffer): void {
    clearTimeout(this.#again)
    const stanza = payload.toString('latin1')
    if (stanza.startsWith('<presence')) return this.#onPresence(stanza)
    if (stanza.startsWith('<open')) return
    if (stanza.startsWith('<stream:features')) {
      return this.sendText(stanza.includes('<mechanisms') ? this.#auth() : BIND)
    }
    if (stanza.startsWith('<success')) return this.sendText(OPEN)
    if (stanza.startsWith('<iq') && stanza.includes("type='result'")) return this.sendText(PRESENCE)
    if (stanza.startsWith('<close') && this.#isLeaving) return this.goodbye()
    throw new Error(`unexpected stanza ${stanza}`)
  }

  #onPresence(stanza: string): void {
    const userId = SENDER.exec(stanza)?.[1]
    if (userId === undefined) throw new Error(`unexpected presence ${stanza}`)
    // The server tells all devices of a user of each other, and each of itself.
    if (userId === this.account.userId) {
      if (!this.#isLeaving) this.events.loggedIn()
    } else this.events.told(userId, !UNAVAILABLE.test(stanza))
  }

  #auth(): string {
    const { userId, secret } = this.account
    const plain = Buffer.from(`\0${userId}\0${secret}`).toString('base64')
    return `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${plain}</auth>`
  }
}
