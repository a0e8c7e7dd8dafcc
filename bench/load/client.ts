/** One connection to the gateway: it logs in, subscribes, counts pushes, and logs out. */

import { jsonCodec } from '../../src/openim/codec/json.js'
import {
  DelUserPushTokenReq,
  SubUserOnlineStatus,
  type SubUserOnlineStatusElem,
  SubUserOnlineStatusTips,
} from '../../src/openim/proto/openim.js'
import { kickFrame } from '../../src/openim/replies.js'
import { RequestId } from '../../src/openim/requests.js'
import { parseVerdict } from '../../src/openim/verdict.js'
import { LightSocket, type SocketEnd, type Target } from '../../src/sdk/light-socket.js'
import { openimPath } from '../support/crowd.js'

/** Whom to log in as, with what. */
export interface Account {
  userId: string
  platformId: number
  token: string
}

/** What a client tells of itself. */
export interface ClientEvents {
  loggedIn(client: LoadClient): void
  /** An answer to a subscription. `errCode` 0 = all is well. */
  subscribed(errCode: number, errMsg: string, statuses: SubUserOnlineStatusElem[], ms: number): void
  pushed(bytes: number): void
  /** A push, decoded; only of probes. */
  told(statuses: SubUserOnlineStatusElem[]): void
  kicked(): void
  /** `refusal`: the gateway's verdict, when there was one and it was not good. */
  ended(end: SocketEnd, refusal: { errCode: number; text: string } | undefined): void
}

const LOGIN_WITHIN_MS = 30_000
const LOGOUT_WITHIN_MS = 10_000
/** Of one request: users, and bytes of their names; a gateway reads frames of 50 KiB by default. */
const USERS_MAX = 1_000
const NAME_BYTES_MAX = 30_000

/**
 * A push carries a user and is longer than a kick, which carries nothing and is always the same: so the length tells
 * them apart, and no frame has to be read.
 */
const KICK_BYTES = jsonCodec.encodeResponse(kickFrame).length

export class LoadClient extends LightSocket {
  readonly startedMs = performance.now()
  #isLoggedIn = false
  #refusal: { errCode: number; text: string } | undefined
  /** Subscriptions without an answer, oldest first: when each was sent. */
  readonly #asked: number[] = []
  #requests = 0

  constructor(
    target: Target,
    private readonly account: Account,
    private readonly isProbe: boolean,
    private readonly events: ClientEvents,
  ) {
    super(target, openimPath(account.userId, account.platformId, account.token), LOGIN_WITHIN_MS)
    this.readsPayloads = true
  }

  /** Whether nothing is under way that churn would cut short. */
  get isSettled(): boolean {
    return this.#isLoggedIn && this.#asked.length === 0
  }

  /** Returns the number of requests. */
  subscribe(userIds: readonly string[]): number {
    this.readsPayloads = true
    const groups = [...inFrames(userIds)]
    for (const group of groups) {
      const request = { subscribeUserID: group, unsubscribeUserID: [] }
      this.#asked.push(performance.now())
      this.#request(RequestId.SubscribeStatus, SubUserOnlineStatus.encode(request).finish())
    }
    return groups.length
  }

  /** Request 2003; the gateway closes the connection after its answer. */
  logOut(): void {
    this.readsPayloads = true
    this.endWithin(LOGOUT_WITHIN_MS)
    const { userId, platformId } = this.account
    const request = { userID: userId, platformID: platformId }
    this.#request(RequestId.Logout, DelUserPushTokenReq.encode(request).finish())
  }

  #request(reqIdentifier: number, data: Uint8Array): void {
    const msgIncr = `${this.account.userId}_${++this.#requests}`
    const sendID = this.account.userId
    this.send(
      jsonCodec.encodeRequest({
        reqIdentifier,
        token: '',
        sendID,
        operationID: `op_${msgIncr}`,
        msgIncr,
        data,
      }),
    )
  }

  protected override onUpgraded(): void {
    // Upgraded, and yet no verdict.
    this.endWithin(LOGIN_WITHIN_MS)
  }

  protected override onFrame(length: number, payload: Buffer | undefined, isText: boolean): void {
    if (isText) return this.#onText(payload)
    if (payload !== undefined) return this.#onEnvelope(length, payload)
    if (length === KICK_BYTES) return this.events.kicked()
    this.events.pushed(length)
  }

  #onText(payload: Buffer | undefined): void {
    if (this.#isLoggedIn) return
    const verdict = parseVerdict(String(payload))
    if (verdict?.errCode === 0) {
      this.#isLoggedIn = true
      this.endWithin(0)
      this.readsPayloads = this.isProbe
      return this.events.loggedIn(this)
    }
    this.#refusal = refusalOf(String(payload))
  }

  #onEnvelope(length: number, payload: Buffer): void {
    const { reqIdentifier, msgIncr, errCode, errMsg, data } = jsonCodec.decodeResponse(payload)
    if (reqIdentifier === RequestId.Kick) return this.events.kicked()
    if (reqIdentifier !== RequestId.SubscribeStatus) return
    const statuses = data === null ? [] : SubUserOnlineStatusTips.decode(data).subscribers
    if (msgIncr === '') {
      this.events.pushed(length)
      if (this.isProbe) this.events.told(statuses)
      return
    }
    const askedMs = this.#asked.shift()!
    if (this.#asked.length === 0) this.readsPayloads = this.isProbe
    this.events.subscribed(errCode, errMsg, statuses, performance.now() - askedMs)
  }

  protected override onEnded(end: SocketEnd): void {
    const refusal = this.#refusal ?? (end.isUpgraded || end.answer === '' ? undefined : refusalOf(end.answer))
    this.events.ended(end, refusal)
  }
}

/** From a text frame, or from a whole HTTP answer. Code 0 = it was not the gateway who said it. */
function refusalOf(text: string): { errCode: number; text: string } {
  const verdict = parseVerdict(text.slice(text.indexOf('{')))
  if (verdict?.errCode === undefined) return { errCode: 0, text: text.split('\r\n', 1)[0]!.slice(0, 80) }
  return { errCode: verdict.errCode, text: `${verdict.errMsg} ${verdict.errDlt}`.trim() }
}

function* inFrames(userIds: readonly string[]): Generator<string[]> {
  let group: string[] = []
  let bytes = 0
  for (const userId of userIds) {
    if (group.length === USERS_MAX || bytes + userId.length > NAME_BYTES_MAX) {
      yield group
      group = []
      bytes = 0
    }
    group.push(userId)
    bytes += userId.length
  }
  if (group.length > 0) yield group
}
