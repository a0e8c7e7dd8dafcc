/** A client in a virtual world: its socket, as both ends see it. */

import type { Owner } from '../../actors/io/listener.js'
import { userOfTopic } from '../../src/doors/websocket/hub.js'
import type { Socket, UpgradeRequest } from '../../src/doors/websocket/transport/transport.js'
import { CloseCode } from '../../src/openim/close-codes.js'
import { FRAME_ENCODINGS } from '../../src/openim/codec/encodings.js'
import type { ResponseEnvelope } from '../../src/openim/codec/envelope.js'
import { type PushMessages as Pushed, PushMessages } from '../../src/openim/proto/messages.js'
import { SubUserOnlineStatus, SubUserOnlineStatusTips } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import type { ActorSystem } from '../../src/runtime/index.js'

/** What a client that asked for the js SDK's frames speaks. */
const ENCODING = FRAME_ENCODINGS[0]
const FRAME_BYTES_MAX = 65_536
/** From a ping to the pong, ms. */
const ROUND_TRIP_MS = 1

/** The topics of one io thread. */
export class VirtualTransport {
  readonly #topics = new Map<string, Set<VirtualClient>>()

  publish(topic: string, frame: Uint8Array): void {
    for (const client of this.#topics.get(topic) ?? []) client.receive(frame)
  }

  subscriberCount(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0
  }

  isSubscribed(topic: string, client: VirtualClient): boolean {
    return this.#topics.get(topic)?.has(client) ?? false
  }

  subscribe(topic: string, client: VirtualClient): boolean {
    const clients = this.#topics.get(topic) ?? new Set()
    this.#topics.set(topic, clients)
    if (clients.has(client)) return false
    clients.add(client)
    return true
  }

  unsubscribe(topic: string, client: VirtualClient): boolean {
    return this.#topics.get(topic)?.delete(client) ?? false
  }

  /** Returns the topics that it was in. */
  leaveAll(client: VirtualClient): string[] {
    return [...this.#topics].filter(([, clients]) => clients.delete(client)).map(([topic]) => topic)
  }
}

/** The io thread that a client is connected to. */
export interface Door {
  system: ActorSystem
  transport: VirtualTransport
  /** Users on the status board that perhaps nobody watches any more. */
  unattended: Set<UserId>
}

/** What a client tells the test that drives it. */
export interface ClientEvents {
  /** The verdict, or the end of the socket. */
  stateChanged?: () => void
  /** What the client was told of a user. */
  told?: (userId: UserId, platformIds: PlatformId[]) => void
  /** A subscription failed. */
  watchFailed?: (userIds: UserId[]) => void
  /** Messages came (2001). */
  pushed?: (messages: Pushed) => void
}

export class VirtualClient {
  state: 'knocking' | 'in' | 'refused' | 'closed' = 'knocking'
  /** Of a refusal. */
  errCode: number | undefined
  /** How often the kick frame came. */
  kicks = 0
  /** The network is gone and neither end has noticed: pings are not answered. */
  isHalfOpen = false
  events: ClientEvents = {}
  #owner: Owner | undefined
  /** Requests that have no answer yet, by operation. */
  readonly #asked = new Map<string, (response: ResponseEnvelope) => void>()
  #operations = 0

  constructor(
    readonly node: number,
    readonly userId: UserId,
    readonly platformId: PlatformId,
    readonly token: string,
    private readonly door: Door,
    private readonly defer: (run: () => void) => void,
  ) {}

  request(): UpgradeRequest<Owner> {
    const { token, userId, platformId } = this
    const query = new URLSearchParams({
      token,
      sendID: userId,
      platformID: String(platformId),
      operationID: 'op',
      sdkType: 'js',
      isMsgResp: 'true',
    })
    return {
      query: query.toString(),
      address: '127.0.0.1',
      header: () => '',
      hosts: () => [],
      accept: (owner) => {
        this.#owner = owner
        return this.#socket()
      },
      refuse: (_status, _type, body) => this.#refused(body),
    }
  }

  /** Subscribe to the status of users, or unsubscribe (request 2005). */
  watch(subscribeUserID: UserId[], unsubscribeUserID: UserId[] = []): void {
    const data = SubUserOnlineStatus.encode({ subscribeUserID, unsubscribeUserID }).finish()
    this.ask(RequestId.SubscribeStatus, data, ({ errCode, data: tips }) => {
      if (errCode !== 0) this.events.watchFailed?.(subscribeUserID)
      else this.#hearStatuses(tips!)
    })
  }

  /** Ask the node something. Of one that is gone no answer comes. */
  ask(reqIdentifier: number, data: Uint8Array, answered: (response: ResponseEnvelope) => void): void {
    if (this.state !== 'in') return
    const msgIncr = String(++this.#operations)
    this.#asked.set(msgIncr, answered)
    const request = { reqIdentifier, token: '', sendID: this.userId, operationID: 'op', msgIncr, data }
    this.#tell({ kind: 'frame', data: ENCODING.encodeRequest(request), isBinary: true })
  }

  /** The client goes: with a goodbye, or without. */
  close(clean: boolean): void {
    if (this.state !== 'in' && this.state !== 'knocking') return
    this.#setState('closed')
    this.#tellClosed(clean)
  }

  #socket(): Socket {
    const { transport } = this.door
    const isGone = () => this.state === 'closed'
    return {
      address: '127.0.0.1',
      get isGone() {
        return isGone()
      },
      send: (data) => {
        this.receive(data)
        return 'sent'
      },
      ping: () => this.#pinged(),
      subscribe: (topic) => this.state !== 'closed' && transport.subscribe(topic, this),
      unsubscribe: (topic) => {
        this.door.unattended.add(userOfTopic(topic))
        return transport.unsubscribe(topic, this)
      },
      isSubscribed: (topic) => transport.isSubscribed(topic, this),
      bufferedBytes: () => 0,
      end: () => this.#dropped(),
      drop: () => this.#dropped(),
    }
  }

  /** A frame from its node. */
  receive(data: Uint8Array | string): void {
    if (this.state === 'closed') return
    if (typeof data === 'string') {
      const { errCode } = JSON.parse(data) as { errCode: number }
      if (errCode === 0) this.#setState('in')
      else this.#refused(data)
      return
    }
    const response = ENCODING.decodeResponse(data, FRAME_BYTES_MAX)
    const answered = this.#asked.get(response.msgIncr)
    this.#asked.delete(response.msgIncr)
    if (answered !== undefined) return answered(response)
    if (response.reqIdentifier === RequestId.Kick) this.kicks++
    if (response.reqIdentifier === RequestId.SubscribeStatus) this.#hearStatuses(response.data!)
    if (response.reqIdentifier === RequestId.Push) this.events.pushed?.(PushMessages.decode(response.data!))
  }

  #hearStatuses(data: Uint8Array): void {
    for (const { userID, onlinePlatformIDs } of SubUserOnlineStatusTips.decode(data).subscribers) {
      this.events.told?.(userID, onlinePlatformIDs)
    }
  }

  #pinged(): void {
    this.door.system.environment.wake(ROUND_TRIP_MS, () => {
      if (this.state !== 'in' || this.isHalfOpen || this.#owner === undefined) return
      this.#owner.heardMs = this.door.system.environment.nowMs()
    })
  }

  #refused(body: string): void {
    this.errCode = (JSON.parse(body) as { errCode: number }).errCode
    this.#setState('refused')
  }

  #dropped(): void {
    if (this.state === 'closed') return
    if (this.state !== 'refused') this.#setState('closed')
    this.#tellClosed(false)
  }

  #setState(state: VirtualClient['state']): void {
    this.state = state
    this.events.stateChanged?.()
  }

  #tellClosed(clean: boolean): void {
    for (const topic of this.door.transport.leaveAll(this)) this.door.unattended.add(userOfTopic(topic))
    this.defer(() =>
      this.#tell({ kind: 'closed', code: clean ? CloseCode.Normal : CloseCode.NoCloseFrame, clean }),
    )
  }

  #tell(message: Owner['early'][number]): void {
    const { system } = this.door
    if (this.#owner?.connection !== undefined) {
      // As the io thread does it.
      if (message.kind === 'closed') system.signal(this.#owner.connection, message)
      else system.tell(this.#owner.connection, message)
    } else if (this.#owner !== undefined) this.#owner.early = [...this.#owner.early, message]
  }
}
