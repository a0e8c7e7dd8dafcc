/** A small client of the gateway, as OpenIM's SDKs behave on the wire: for the demo, the bench and the tests. */

import { EventEmitter } from 'node:events'
import { type RawData, WebSocket } from 'ws'
import { CodedError } from '../errors/errors.js'
import { CloseCode } from '../openim/close-codes.js'
import { type FrameEncoding, frameEncoding } from '../openim/codec/encodings.js'
import type { ResponseEnvelope } from '../openim/codec/envelope.js'
import { MsgData, PushMessages, UserSendMsgResp } from '../openim/proto/messages.js'
import {
  DelUserPushTokenReq,
  SetAppBackgroundStatusReq,
  SubUserOnlineStatus,
  type SubUserOnlineStatusElem,
  SubUserOnlineStatusTips,
} from '../openim/proto/openim.js'
import { RequestId } from '../openim/requests.js'
import { parseVerdict } from '../openim/verdict.js'
import type { PlatformId, UserId } from '../rules/types.js'
import {
  type ConnectOptions,
  type ConnectRefusedError,
  handshakeQuery,
  isMsgResp,
  noReason,
  readRefusal,
  refused,
} from './openim-handshake.js'

/** OpenIM's SDKs read messages up to this size. */
const MESSAGE_BYTES_MAX = 1024 * 1024

/** A reply did not come in time, or the connection ended before it. */
export class RequestFailedError extends CodedError {
  readonly code = 'REQUEST_FAILED'
  readonly retry = 'later'
}

/** One status as it arrived, in a push or in the reply to a subscription. */
export interface StatusReceived {
  userId: UserId
  /** In the order that the gateway sent them; none = offline. */
  platformIds: PlatformId[]
  /** `performance.now()`. */
  atMs: number
  via: 'push' | 'reply'
}

/** A message as it was pushed. */
export interface MessageReceived {
  conversationId: string
  message: MsgData
  /** Of the request that caused it. */
  operationId: string
  /** `performance.now()`. */
  atMs: number
}

interface ClientEvents {
  /** A message, just added to `messages`. */
  message: [MessageReceived]
  /** A push, not a reply. */
  status: [userId: UserId, platformIds: PlatformId[]]
  /** Any status, just added to `history`. */
  received: [StatusReceived]
  kick: []
  close: [code: number]
}

interface Waiting {
  resolve(response: ResponseEnvelope): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

export class OpenimClient extends EventEmitter<ClientEvents> {
  /** Every status that came, oldest first. */
  readonly history: StatusReceived[] = []
  /** Every message that was pushed, oldest first. */
  readonly messages: MessageReceived[] = []
  /** Why the connection closed; undefined while it is open. */
  closeCode: number | undefined
  isKicked = false
  private readonly encoding: FrameEncoding
  private readonly statuses = new Map<UserId, PlatformId[]>()
  private readonly waiting = new Map<string, Waiting>()
  private readonly pongs: ((body: unknown) => void)[] = []
  private readonly timeoutMs: number
  private requestCount = 0

  private constructor(
    private readonly options: ConnectOptions,
    private readonly socket: WebSocket,
  ) {
    super()
    // As many as wait for statuses.
    this.setMaxListeners(0)
    this.encoding = frameEncoding(options.sdkType ?? 'js', options.compression ?? false)
    this.timeoutMs = options.timeoutMs ?? 10_000
  }

  /**
   * Resolves once the connection is open and, with `isMsgResp`, the gateway has said that all is well.
   * Throws CONNECT_REFUSED otherwise, with OpenIM's code if there was one.
   */
  static connect(options: ConnectOptions): Promise<OpenimClient> {
    const socket = new WebSocket(`${options.url}?${handshakeQuery(options)}`, {
      headers: options.headers,
      perMessageDeflate: false,
      handshakeTimeout: options.timeoutMs ?? 10_000,
      maxPayload: MESSAGE_BYTES_MAX,
    })
    const client = new OpenimClient(options, socket)
    return new Promise((resolve, reject) => {
      const fail = (error: ConnectRefusedError): void => {
        clearTimeout(timer)
        socket.terminate()
        reject(error)
      }
      const timer = setTimeout(() => fail(noReason('no verdict in time')), client.timeoutMs)
      const succeed = (): void => {
        clearTimeout(timer)
        socket.removeAllListeners()
        client.listen()
        resolve(client)
      }
      socket.on('error', (error) => fail(noReason(error.message)))
      socket.on('close', (code) => fail(noReason(`closed with ${code}`)))
      socket.on('unexpected-response', (_request, response) => {
        void readRefusal(response).then(fail)
      })
      if (!isMsgResp(options)) socket.once('open', succeed)
      else {
        socket.once('message', (data, isBinary) => {
          const verdict = isBinary ? undefined : parseVerdict(String(data))
          if (verdict?.errCode === 0) succeed()
          else fail(refused(verdict, 'frame'))
        })
      }
    })
  }

  private listen(): void {
    this.socket.on('message', (data, isBinary) => {
      if (isBinary) this.onEnvelope(this.encoding.decodeResponse(toBytes(data), MESSAGE_BYTES_MAX))
      else this.pongs.shift()?.((JSON.parse(String(data)) as { body: unknown }).body)
    })
    // 'close' follows and carries what matters.
    this.socket.on('error', () => {})
    this.socket.on('close', (code) => {
      this.closeCode = code
      for (const waiting of this.waiting.values()) {
        clearTimeout(waiting.timer)
        waiting.reject(new RequestFailedError(`closed with ${code} before the reply`))
      }
      this.waiting.clear()
      this.emit('close', code)
    })
  }

  private onEnvelope(response: ResponseEnvelope): void {
    if (response.reqIdentifier === RequestId.SubscribeStatus) this.onStatuses(response)
    if (response.reqIdentifier === RequestId.Push) this.onPush(response)
    if (response.reqIdentifier === RequestId.Kick) {
      this.isKicked = true
      this.emit('kick')
    }
    const waiting = this.waiting.get(response.msgIncr)
    if (waiting === undefined) return
    this.waiting.delete(response.msgIncr)
    clearTimeout(waiting.timer)
    waiting.resolve(response)
  }

  private onStatuses(response: ResponseEnvelope): void {
    if (response.data === null) return
    const via = response.msgIncr === '' ? 'push' : 'reply'
    for (const element of SubUserOnlineStatusTips.decode(response.data).subscribers) {
      const { userID: userId, onlinePlatformIDs: platformIds } = element
      const received: StatusReceived = { userId, platformIds, atMs: performance.now(), via }
      this.statuses.set(userId, platformIds)
      this.history.push(received)
      this.emit('received', received)
      if (via === 'push') this.emit('status', userId, platformIds)
    }
  }

  private onPush({ data, operationID: operationId }: ResponseEnvelope): void {
    const { msgs, notificationMsgs } = PushMessages.decode(data ?? new Uint8Array())
    for (const [conversationId, { Msgs }] of Object.entries({ ...msgs, ...notificationMsgs })) {
      for (const message of Msgs) {
        const received = { conversationId, message, operationId, atMs: performance.now() }
        this.messages.push(received)
        this.emit('message', received)
      }
    }
  }

  /** Send a message. Resolves with its ID and time; throws REQUEST_FAILED on an error reply. */
  async send(message: MsgData): Promise<UserSendMsgResp> {
    const data = await this.successful(RequestId.SendMessage, MsgData.encode(message).finish())
    return UserSendMsgResp.decode(data ?? new Uint8Array())
  }

  /** Resolves with the reply, whatever its errCode. Throws REQUEST_FAILED without one. */
  request(reqIdentifier: number, data: Uint8Array): Promise<ResponseEnvelope> {
    const msgIncr = `${this.options.userId}_${++this.requestCount}`
    const operationID = `op_${msgIncr}`
    const sendID = this.options.userId
    const frame = this.encoding.encodeRequest({
      reqIdentifier,
      token: '',
      sendID,
      operationID,
      msgIncr,
      data,
    })
    return new Promise((resolve, reject) => {
      if (this.closeCode !== undefined) {
        reject(new RequestFailedError(`closed with ${this.closeCode}`))
        return
      }
      const timer = setTimeout(() => {
        this.waiting.delete(msgIncr)
        reject(new RequestFailedError(`no reply to ${reqIdentifier} within ${this.timeoutMs} ms`))
      }, this.timeoutMs)
      this.waiting.set(msgIncr, { resolve, reject, timer })
      this.socket.send(frame, { binary: true })
    })
  }

  /** Watch users. Resolves with the statuses of the reply, in its order; throws REQUEST_FAILED on an error reply. */
  async subscribe(userIds: readonly UserId[]): Promise<SubUserOnlineStatusElem[]> {
    const data = await this.successful(RequestId.SubscribeStatus, encodeSubscription(userIds, []))
    return data === null ? [] : SubUserOnlineStatusTips.decode(data).subscribers
  }

  async unsubscribe(userIds: readonly UserId[]): Promise<void> {
    await this.successful(RequestId.SubscribeStatus, encodeSubscription([], userIds))
  }

  async setBackground(isBackground: boolean): Promise<void> {
    const request = { userID: this.options.userId, isBackground }
    await this.successful(RequestId.SetBackground, SetAppBackgroundStatusReq.encode(request).finish())
  }

  /** The gateway closes the connection after its reply. */
  async logout(): Promise<void> {
    const request = { userID: this.options.userId, platformID: this.options.platformId }
    await this.successful(RequestId.Logout, DelUserPushTokenReq.encode(request).finish())
  }

  /** Resolves with the data of the reply. Throws REQUEST_FAILED on an error reply. */
  async successful(reqIdentifier: number, request: Uint8Array): Promise<Uint8Array | null> {
    const { errCode, errMsg, data } = await this.request(reqIdentifier, request)
    if (errCode !== 0) throw new RequestFailedError(`${reqIdentifier} failed: ${errCode} ${errMsg}`)
    return data
  }

  /** A text ping. Resolves with the `body` of the next pong. */
  ping(body: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new RequestFailedError('no pong in time')), this.timeoutMs)
      this.pongs.push((echoed) => {
        clearTimeout(timer)
        resolve(echoed)
      })
      this.socket.send(JSON.stringify({ type: 'ping', body }))
    })
  }

  /** The last status that came of a user; undefined when none did. */
  status(userId: UserId): PlatformId[] | undefined {
    return this.statuses.get(userId)
  }

  /** Resolves with the last known status if it fits, else with the next one that does. Throws REQUEST_FAILED. */
  waitForStatus(
    userId: UserId,
    predicate: (platformIds: PlatformId[]) => boolean,
    timeoutMs = this.timeoutMs,
  ): Promise<PlatformId[]> {
    const known = this.statuses.get(userId)
    if (known !== undefined && predicate(known)) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        this.off('received', onReceived)
        this.off('close', onClose)
      }
      const onReceived = (received: StatusReceived): void => {
        if (received.userId !== userId || !predicate(received.platformIds)) return
        stop()
        resolve(received.platformIds)
      }
      const fail = (why: string): void => {
        stop()
        const last = JSON.stringify(this.statuses.get(userId))
        reject(new RequestFailedError(`${why}; the last status of ${userId} was ${last}`))
      }
      const onClose = (code: number): void => fail(`closed with ${code}`)
      const timer = setTimeout(() => fail(`no such status within ${timeoutMs} ms`), timeoutMs)
      this.on('received', onReceived)
      this.on('close', onClose)
    })
  }

  /** Any frame: bytes go as a binary frame, a string as a text frame. */
  sendRaw(frame: Uint8Array | string): void {
    this.socket.send(frame, { binary: typeof frame !== 'string' })
  }

  /** Stop reading, as a peer does that hangs; `resume` goes on. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** A goodbye: a close frame. Resolves when the connection has closed. */
  close(code: number = CloseCode.Normal): Promise<void> {
    return this.closed(() => this.socket.close(code))
  }

  /** Break the connection without a goodbye. Resolves when it is gone. */
  terminate(): Promise<void> {
    return this.closed(() => this.socket.terminate())
  }

  private closed(leave: () => void): Promise<void> {
    if (this.closeCode !== undefined) return Promise.resolve()
    return new Promise((resolve) => {
      this.once('close', () => resolve())
      leave()
    })
  }
}

function encodeSubscription(subscribe: readonly UserId[], unsubscribe: readonly UserId[]): Uint8Array {
  const message = { subscribeUserID: [...subscribe], unsubscribeUserID: [...unsubscribe] }
  return SubUserOnlineStatus.encode(message).finish()
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}
