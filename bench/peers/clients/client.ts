/** A client of the generator: what all dialects have in common. */
import { LightSocket, type SocketEnd, type Target } from '../../../src/sdk/light-socket.js'
import type { Account } from '../peer.js'

/** What a client tells of itself. */
export interface ClientEvents {
  /** The server has let it in. */
  loggedIn(): void
  /** From now on it gets every change of the users that it watches. */
  watching(): void
  /** One message of the server about one user: a change, or what was so when the watch began. */
  told(userId: string, isOnline: boolean): void
  /** Once, and last. `said`: what there is to say when nobody wanted that. */
  ended(said: string): void
}

export interface PeerClient {
  /** Ask for the presence of `account.watches`, once, after `loggedIn`. */
  watch(): void
  /** Say goodbye as this protocol's clients do. */
  leave(): void
}

export type PeerClientClass = new (target: Target, account: Account, events: ClientEvents) => PeerClient

export interface Change {
  userId: string
  isOnline: boolean
}

/** Of those that speak WebSocket. */
export abstract class WebSocketClient extends LightSocket implements PeerClient {
  protected override readsPayloads = true

  constructor(
    target: Target,
    path: string,
    protected readonly account: Account,
    protected readonly events: ClientEvents,
  ) {
    super(target, path)
  }

  abstract watch(): void

  leave(): void {
    this.goodbye()
  }

  protected tell(changes: readonly Change[]): void {
    for (const { userId, isOnline } of changes) this.events.told(userId, isOnline)
  }

  protected override onUpgraded(): void {}

  protected override onEnded(end: SocketEnd): void {
    this.events.ended(endInWords(end))
  }
}

/** Why a socket is no more, where nobody wanted that. */
export function endInWords({ closeCode, answer, error }: SocketEnd): string {
  return `${error ?? `close code ${closeCode}`} ${answer.slice(0, 200)}`.trim()
}
