/**
 * A client of the gateway that costs next to nothing, for crowds of thousands: it logs in as OpenIM's SDK does, may
 * watch users, and hears of pushes, kicks and its end. What it is sent is decoded only when somebody asks for that.
 */

import { jsonCodec } from '../openim/codec/json.js'
import {
  DelUserPushTokenReq,
  SubUserOnlineStatus,
  type SubUserOnlineStatusElem,
  SubUserOnlineStatusTips,
} from '../openim/proto/openim.js'
import { kickFrame } from '../openim/replies.js'
import { RequestId } from '../openim/requests.js'
import { parseVerdict, SUCCESS_TEXT } from '../openim/verdict.js'
import type { PlatformId, UserId } from '../rules/types.js'
import { decodedOnce } from './decoded-once.js'
import { LightSocket, type SocketEnd, type Target } from './light-socket.js'
import { ConnectRefusedError, handshakeQuery } from './openim-handshake.js'

/** The user to log in as, and their token. */
export interface Account {
  userId: UserId
  platformId: PlatformId
  token: string
  /** What `loginPath` makes of it, for those who come again and again: it is the dearest part of their logins. */
  path?: string
}

/** Why the gateway did not take a login. `errCode` 0 = it was not the gateway who said it. */
export interface Refusal {
  errCode: number
  text: string
}

/** What a client tells of itself. `loggedIn` comes first, `ended` exactly once and last. */
export interface LightEvents {
  loggedIn?(client: LightClient): void
  /** An answer to a request of `subscribe`. `errCode` 0 = all is well. */
  subscribed?(errCode: number, errMsg: string, statuses: SubUserOnlineStatusElem[], ms: number): void
  pushed?(bytes: number): void
  /** The same push, decoded. Only a client that has this decodes any. */
  told?(statuses: SubUserOnlineStatusElem[]): void
  kicked?(): void
  /** `refusal`: the verdict, when there was one and it was not good. */
  ended?(end: SocketEnd, refusal: Refusal | undefined): void
}

/** How long a login may take, as in OpenIM's SDKs. */
const LOGIN_WITHIN_MS = 10_000
const LOGOUT_WITHIN_MS = 10_000
const GOODBYE_MS = 3_000
/** Of one request: users, and bytes of their names; a gateway reads frames of 50 KiB by default. */
const USERS_MAX = 1_000
const NAME_BYTES_MAX = 30_000

const SUCCESS = Buffer.from(SUCCESS_TEXT)
/**
 * A push carries a user and is longer than a kick, which carries nothing and is always the same: so the length tells
 * them apart, and no frame has to be read.
 */
const KICK_BYTES = jsonCodec.encodeResponse(kickFrame).length

const decode = decodedOnce((payload) => {
  const { reqIdentifier, msgIncr, errCode, errMsg, data } = jsonCodec.decodeResponse(payload)
  const hasStatuses = reqIdentifier === RequestId.SubscribeStatus && data !== null
  const statuses = hasStatuses ? SubUserOnlineStatusTips.decode(data).subscribers : []
  return { reqIdentifier, msgIncr, errCode, errMsg, statuses }
})

/** The path of the upgrade, with its query. The verdict comes as a text frame. */
export function loginPath({ userId, platformId, token }: Account): string {
  return `/?${handshakeQuery({ url: '', token, userId, platformId, isMsgResp: true })}`
}

export class LightClient extends LightSocket {
  readonly startedMs = performance.now()
  #isOpen = false
  #refusal: Refusal | undefined
  /** Subscriptions without an answer, oldest first: when each was sent. */
  readonly #asked: number[] = []
  #requests = 0

  constructor(
    target: Target,
    private readonly account: Account,
    private readonly events: LightEvents,
    private readonly loginWithinMs = LOGIN_WITHIN_MS,
  ) {
    super(target, account.path ?? loginPath(account), loginWithinMs)
    this.readsPayloads = true
  }

  /** Resolves when the gateway has said that all is well; throws CONNECT_REFUSED, and `ended` is not called then. */
  static login(target: Target, account: Account, events: LightEvents = {}): Promise<LightClient> {
    return new Promise((resolve, reject) => {
      let isIn = false
      new LightClient(target, account, {
        ...events,
        loggedIn: (client) => {
          isIn = true
          events.loggedIn?.(client)
          resolve(client)
        },
        ended: (end, refusal) => {
          if (isIn) return events.ended?.(end, refusal)
          const { errCode, text } = refusal ?? { errCode: 0, text: end.error ?? 'closed before a verdict' }
          const via = refusal === undefined ? 'none' : end.isUpgraded ? 'frame' : 'http'
          reject(new ConnectRefusedError(errCode, text, '', via))
        },
      })
    })
  }

  /** The gateway has let it in, and it has not ended. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether it is in, and no request is under way. */
  get isSettled(): boolean {
    return this.#isOpen && this.#asked.length === 0
  }

  /** Returns the number of requests. */
  subscribe(userIds: readonly UserId[]): number {
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

  /** A goodbye, as of a user who goes, also to a gateway that hangs and does not answer it. */
  leave(): void {
    this.goodbye()
    this.endWithin(GOODBYE_MS)
  }

  #request(reqIdentifier: number, data: Uint8Array): void {
    const sendID = this.account.userId
    const msgIncr = `${sendID}_${++this.#requests}`
    const operationID = `op_${msgIncr}`
    this.send(jsonCodec.encodeRequest({ reqIdentifier, token: '', sendID, operationID, msgIncr, data }))
  }

  protected override onUpgraded(): void {
    // Upgraded, and yet no verdict.
    this.endWithin(this.loginWithinMs)
  }

  protected override onFrame(length: number, payload: Buffer | undefined, isText: boolean): void {
    if (isText) return this.#onText(payload)
    if (payload !== undefined) return this.#onEnvelope(length, payload)
    if (length === KICK_BYTES) this.events.kicked?.()
    else this.events.pushed?.(length)
  }

  #onText(payload: Buffer | undefined): void {
    if (this.#isOpen) return
    // Nearly always it is just that, and need not be parsed.
    if (!payload!.equals(SUCCESS) && parseVerdict(String(payload))?.errCode !== 0) {
      this.#refusal = refusalOf(String(payload))
      return
    }
    this.#isOpen = true
    this.endWithin(0)
    this.#readWhatIsAsked()
    this.events.loggedIn?.(this)
  }

  #onEnvelope(length: number, payload: Buffer): void {
    const { reqIdentifier, msgIncr, errCode, errMsg, statuses } = decode(payload)
    if (reqIdentifier === RequestId.Kick) return this.events.kicked?.()
    if (reqIdentifier !== RequestId.SubscribeStatus) return
    if (msgIncr === '') {
      this.events.pushed?.(length)
      this.events.told?.(statuses)
      return
    }
    const askedMs = this.#asked.shift()!
    if (this.#asked.length === 0) this.#readWhatIsAsked()
    this.events.subscribed?.(errCode, errMsg, statuses, performance.now() - askedMs)
  }

  #readWhatIsAsked(): void {
    this.readsPayloads = this.events.told !== undefined
  }

  protected override onEnded(end: SocketEnd): void {
    this.#isOpen = false
    const refusal = this.#refusal ?? (end.isUpgraded || end.answer === '' ? undefined : refusalOf(end.answer))
    this.events.ended?.(end, refusal)
  }
}

/** From a text frame, or from a whole HTTP answer. */
function refusalOf(text: string): Refusal {
  const verdict = parseVerdict(text.slice(text.indexOf('{')))
  if (verdict?.errCode === undefined) return { errCode: 0, text: text.split('\r\n', 1)[0]!.slice(0, 80) }
  return { errCode: verdict.errCode, text: `${verdict.errMsg} ${verdict.errDlt}`.trim() }
}

function* inFrames(userIds: readonly UserId[]): Generator<UserId[]> {
  let group: UserId[] = []
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
