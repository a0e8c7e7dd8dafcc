/** OpenIM's protocol, JSON envelopes: a verdict as a text frame, subscriptions by request 2005, pushes. */
import { LightClient } from '../../../src/sdk/light-client.js'
import type { Target } from '../../../src/sdk/light-socket.js'
import type { Account } from '../peer.js'
import { type ClientEvents, endInWords, type PeerClient } from './client.js'

/** Web; everybody has one device. */
export const PLATFORM = 5
/** As long as the crowd waits for any step of a client. */
const LOGIN_WITHIN_MS = 60_000

export class PorchlightClient implements PeerClient {
  readonly #client: LightClient

  constructor(
    target: Target,
    private readonly account: Account,
    events: ClientEvents,
  ) {
    const { userId, secret: token } = account
    this.#client = new LightClient(
      target,
      { userId, platformId: PLATFORM, token },
      {
        loggedIn: () => events.loggedIn(),
        subscribed: (errCode, errMsg, statuses) => {
          if (errCode !== 0) throw new Error(`a subscription was refused: ${errCode} ${errMsg}`)
          // The answer names everybody who was asked for, online or not.
          for (const { userID, onlinePlatformIDs } of statuses) {
            if (onlinePlatformIDs.length > 0) events.told(userID, true)
          }
          if (this.#client.isSettled) events.watching()
        },
        told: (statuses) => {
          for (const { userID, onlinePlatformIDs } of statuses) {
            events.told(userID, onlinePlatformIDs.length > 0)
          }
        },
        ended: (end, refusal) => events.ended(refusal?.text ?? endInWords(end)),
      },
      LOGIN_WITHIN_MS,
    )
  }

  watch(): void {
    this.#client.subscribe(this.account.watches)
  }

  leave(): void {
    this.#client.goodbye()
  }
}
