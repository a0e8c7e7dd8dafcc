/**
 * A device of a user, as an SDK keeps it: it comes back when its socket breaks, reads what it lacks, and sends each message
 * until it is told that it is stored.
 */
import { WireCode } from '../../../src/openim/codes.js'
import { ContentType, MessageFrom, MessageStatus } from '../../../src/openim/content-types.js'
import { newMessage } from '../../../src/openim/message-bytes.js'
import {
  GetMaxSeqReq,
  GetMaxSeqResp,
  MsgData,
  PullMessageBySeqsReq,
  PullMessageBySeqsResp,
  type PushMessages,
  UserSendMsgResp,
} from '../../../src/openim/proto/messages.js'
import { RequestId } from '../../../src/openim/requests.js'
import type { Call } from '../../../src/protocol/operations.js'
import {
  type ConversationId,
  pairOf,
  SessionType,
  singleChatId,
} from '../../../src/rules/messages/conversation-id.js'
import type { PlatformId, UserId } from '../../../src/rules/types.js'
import type { QuestionOf } from '../../../src/runtime/index.js'
import type { VirtualClient } from '../../world/client.js'
import { IO_SLOTS, type RecordedCluster } from '../cluster.js'
import type { MessageName, Place, SocketId } from '../history.js'
import { nameOf, numberedOf } from './rows.js'

/** SDKs wait so long for an answer, and then take the connection for broken. */
const ANSWER_MS = 10_000
const HANDSHAKE_MS = 5_000
/** What REST waits for an answer of storage. */
const CALL_MS = 8_000
const AGAIN_MIN_MS = 200
const AGAIN_MAX_MS = 2_500
/** Messages of a range that is read. */
const RANGE_MAX = 1_000

interface Connection {
  socket: SocketId
  node: number
  client: VirtualClient
}

interface Unsent {
  message: MsgData
  conversationId: ConversationId
  /** The socket on which its answer is awaited. */
  on: SocketId | undefined
}

export class Device {
  readonly userId: UserId
  readonly #platformId: PlatformId
  readonly #cluster: RecordedCluster
  readonly #unsent = new Map<MessageName, Unsent>()
  /** The last number of each conversation that it has read; what is pushed does not count. */
  readonly #synced = new Map<ConversationId, number>()
  /** Where its user's last message is that was pushed to it. */
  #lastOwn: Place | undefined
  #connection: Connection | undefined
  #isAway = false

  constructor(cluster: RecordedCluster, userId: UserId, platformId: PlatformId) {
    this.#cluster = cluster
    this.userId = userId
    this.#platformId = platformId
  }

  /** At a random place, or at this one. */
  connect(place = this.#anyPlace()): void {
    if (this.#isAway || this.#connection !== undefined) return
    const socket = this.#cluster.enter(this.userId, this.#platformId, place.node, place.io)
    if (socket === undefined) return this.#connectAgain()
    const client = this.#cluster.clientOf(socket)!
    const connection = { socket, node: client.node, client }
    this.#connection = connection
    const { stateChanged } = client.events
    client.events = {
      ...client.events,
      stateChanged: () => {
        stateChanged?.()
        this.#onState(connection)
      },
      pushed: (messages) => this.#onPushed(connection, messages),
    }
    this.#cluster.later(HANDSHAKE_MS, () => {
      if (client.state === 'knocking') this.#cluster.leave(socket, false)
    })
  }

  /** The device goes for a while. */
  goAway(forMs: number, saysGoodbye: boolean): void {
    if (this.#isAway) return
    this.#isAway = true
    if (this.#connection !== undefined) this.#cluster.leave(this.#connection.socket, saysGoodbye)
    this.#cluster.later(forMs, () => {
      this.#isAway = false
      this.connect()
    })
  }

  /** The device is at another place at once; its old socket is left as it is, or closed. */
  move(node: number, io: number, saysGoodbye: boolean): void {
    if (this.#isAway) return
    const old = this.#connection
    this.#forget()
    this.connect({ node, io })
    if (old !== undefined) this.#cluster.leave(old.socket, saysGoodbye)
  }

  /** Send a message to a user until it is stored. `id`: as the client calls it. */
  send(receiverId: UserId, id: string): void {
    const message = textOf(this.userId, receiverId, id)
    const conversationId = singleChatId(pairOf(this.userId, receiverId))
    const name = nameOf(message)
    if (this.#unsent.has(name)) return
    this.#unsent.set(name, { message, conversationId, on: undefined })
    this.#transmit(name)
  }

  /** Take back the last message that came to this device and was its user's own. */
  revokeLast(): void {
    if (this.#lastOwn !== undefined) this.#revoke(this.#lastOwn)
  }

  /** Over REST, at the node of its socket, until there is an answer. */
  #revoke(place: Place): void {
    const connection = this.#connection
    if (connection?.client.state !== 'in') return
    const { node, socket } = connection
    const { api, addresses } = this.#cluster.nodes[node]!
    const { userId } = this
    const input = JSON.stringify({ conversationID: place.conversationId, seq: place.seq, userID: userId })
    const call: QuestionOf<Call, 'call'> = {
      kind: 'call',
      operation: 'revokeMessage',
      userId,
      isAdmin: false,
      operationId: 'op',
      input,
    }
    api.ask<Call, 'call'>(addresses.storage!.writer, call, CALL_MS).then(
      (answer) => {
        if (answer.ok) this.#cluster.note({ kind: 'revokeDone', atMs: this.#cluster.nowMs, socket, ...place })
        else if (answer.errCode === WireCode.DatabaseError) this.#revokeAgain(place)
      },
      () => this.#revokeAgain(place),
    )
  }

  #revokeAgain(place: Place): void {
    this.#cluster.later(this.#pauseMs(), () => this.#revoke(place))
  }

  /** Read everything from the beginning. */
  readAll(): void {
    this.#synced.clear()
    if (this.#connection?.client.state === 'in') this.#read(this.#connection)
  }

  #onState(connection: Connection): void {
    if (this.#connection !== connection) return
    if (connection.client.state === 'in') {
      // The verdict comes before the connection is ready for more.
      this.#cluster.later(0, () => {
        if (this.#connection !== connection) return
        this.#read(connection)
        for (const name of this.#unsent.keys()) this.#transmit(name)
      })
      return
    }
    this.#forget()
    this.#connectAgain()
  }

  /** What was asked on this connection will not be answered. */
  #forget(): void {
    this.#connection = undefined
    for (const unsent of this.#unsent.values()) unsent.on = undefined
  }

  #connectAgain(): void {
    this.#cluster.later(this.#pauseMs(), () => this.connect())
  }

  #transmit(name: MessageName): void {
    const unsent = this.#unsent.get(name)
    const connection = this.#connection
    if (unsent === undefined || connection?.client.state !== 'in' || unsent.on !== undefined) return
    const { socket } = connection
    const { conversationId, message } = unsent
    unsent.on = socket
    this.#cluster.note({ kind: 'sending', atMs: this.#cluster.nowMs, socket, message: name, conversationId })
    this.#ask(
      connection,
      RequestId.SendMessage,
      MsgData.encode(message).finish(),
      ({ errCode, errMsg, data }) => {
        const atMs = this.#cluster.nowMs
        unsent.on = undefined
        if (errCode === 0) {
          const { sendTime: sentMs } = UserSendMsgResp.decode(data!)
          this.#cluster.note({ kind: 'acknowledged', atMs, socket, message: name, sentMs })
          this.#unsent.delete(name)
          return
        }
        this.#cluster.note({ kind: 'refused', atMs, socket, message: name, errCode, detail: errMsg })
        this.#cluster.later(this.#pauseMs(), () => this.#transmit(name))
      },
    )
  }

  #read(connection: Connection): void {
    const request = GetMaxSeqReq.encode({ userID: this.userId }).finish()
    this.#ask(connection, RequestId.NewestSeq, request, ({ errCode, data }) => {
      if (errCode !== 0) return this.#readAgain(connection)
      const { maxSeqs } = GetMaxSeqResp.decode(data!)
      const { socket } = connection
      this.#cluster.note({ kind: 'read', atMs: this.#cluster.nowMs, socket, maxSeqs })
      for (const [conversationId, maxSeq] of Object.entries(maxSeqs)) {
        const synced = this.#synced.get(conversationId) ?? 0
        if (maxSeq > synced) this.#pull(connection, conversationId, synced + 1, maxSeq)
      }
    })
  }

  #readAgain(connection: Connection): void {
    this.#cluster.later(this.#pauseMs(), () => {
      if (this.#connection === connection) this.#read(connection)
    })
  }

  #pull(connection: Connection, conversationId: ConversationId, from: number, to: number): void {
    const range = { conversationID: conversationId, begin: from, end: to, num: RANGE_MAX }
    const request = PullMessageBySeqsReq.encode({
      userID: this.userId,
      seqRanges: [range],
      order: 0,
    }).finish()
    this.#ask(connection, RequestId.PullBySeqRange, request, ({ errCode, data }) => {
      if (errCode !== 0) {
        return this.#cluster.later(this.#pauseMs(), () => this.#pull(connection, conversationId, from, to))
      }
      const { msgs, notificationMsgs } = PullMessageBySeqsResp.decode(data!)
      const found = { ...msgs, ...notificationMsgs }[conversationId]?.Msgs ?? []
      const { socket } = connection
      const messages = found.map(numberedOf)
      this.#cluster.note({
        kind: 'pulled',
        atMs: this.#cluster.nowMs,
        socket,
        conversationId,
        from,
        to,
        messages,
      })
      this.#synced.set(conversationId, Math.max(to, this.#synced.get(conversationId) ?? 0))
    })
  }

  #onPushed({ socket }: Connection, { msgs, notificationMsgs }: PushMessages): void {
    for (const [conversationId, { Msgs }] of Object.entries({ ...msgs, ...notificationMsgs })) {
      for (const message of Msgs) {
        const numbered = numberedOf(message)
        this.#cluster.note({ kind: 'pushed', atMs: this.#cluster.nowMs, socket, conversationId, ...numbered })
        const isOwn = message.sendID === this.userId && message.contentType === ContentType.Text
        if (isOwn) this.#lastOwn = { conversationId, seq: message.seq }
      }
    }
  }

  #ask(
    { socket, client }: Connection,
    request: number,
    data: Uint8Array,
    answered: Parameters<VirtualClient['ask']>[2],
  ): void {
    let isAnswered = false
    client.ask(request, data, (response) => {
      isAnswered = true
      answered(response)
    })
    this.#cluster.later(ANSWER_MS, () => {
      if (!isAnswered) this.#cluster.leave(socket, false)
    })
  }

  #pauseMs(): number {
    return AGAIN_MIN_MS + this.#cluster.random() * (AGAIN_MAX_MS - AGAIN_MIN_MS)
  }

  #anyPlace(): { node: number; io: number } {
    const { random, nodes } = this.#cluster
    return { node: Math.floor(random() * nodes.length), io: Math.floor(random() * IO_SLOTS.length) }
  }
}

function textOf(sendID: UserId, recvID: UserId, clientMsgID: string): MsgData {
  return newMessage({
    sendID,
    recvID,
    clientMsgID,
    sessionType: SessionType.Single,
    msgFrom: MessageFrom.User,
    contentType: ContentType.Text,
    content: Buffer.from(JSON.stringify({ content: clientMsgID })),
    status: MessageStatus.Sending,
  })
}
