/** OpenIM's protocol, JSON envelopes: a verdict as a text frame, subscriptions by request 2005, pushes. */

import { jsonCodec } from '../../../src/openim/codec/json.js'
import { SubUserOnlineStatus, SubUserOnlineStatusTips } from '../../../src/openim/proto/openim.js'
import { RequestId } from '../../../src/openim/requests.js'
import { parseVerdict } from '../../../src/openim/verdict.js'
import type { Target } from '../../../src/sdk/light-socket.js'
import { openimPath } from '../../support/crowd.js'
import type { Account } from '../peer.js'
import { type ClientEvents, decodedOnce, WebSocketClient } from './client.js'

/** Web; everybody has one device. */
export const PLATFORM = 5

const decode = decodedOnce((payload) => {
  const { reqIdentifier, msgIncr, errCode, errMsg, data } = jsonCodec.decodeResponse(payload)
  if (reqIdentifier !== RequestId.SubscribeStatus || errCode !== 0 || data === null) {
    throw new Error(`unexpected frame ${reqIdentifier}: ${errCode} ${errMsg}`)
  }
  const changes = SubUserOnlineStatusTips.decode(data).subscribers.map(({ userID, onlinePlatformIDs }) => ({
    userId: userID,
    isOnline: onlinePlatformIDs.length > 0,
  }))
  return { isAnswer: msgIncr !== '', changes }
})

export class PorchlightClient extends WebSocketClient {
  constructor(target: Target, account: Account, events: ClientEvents) {
    super(target, openimPath(account.userId, PLATFORM, account.secret), account, events)
  }

  watch(): void {
    const { userId, watches } = this.account
    const request = { subscribeUserID: watches, unsubscribeUserID: [] }
    this.send(
      jsonCodec.encodeRequest({
        reqIdentifier: RequestId.SubscribeStatus,
        token: '',
        sendID: userId,
        operationID: 'bench',
        msgIncr: userId,
        data: SubUserOnlineStatus.encode(request).finish(),
      }),
    )
  }

  protected override onFrame(_length: number, payload: Buffer | undefined, isText: boolean): void {
    if (isText) {
      if (parseVerdict(String(payload))?.errCode !== 0) throw new Error(`refused: ${payload}`)
      return this.events.loggedIn()
    }
    const { isAnswer, changes } = decode(payload!)
    // The answer names everybody who was asked for, online or not.
    if (isAnswer) {
      this.tell(changes.filter(({ isOnline }) => isOnline))
      return this.events.watching()
    }
    this.tell(changes)
  }
}
