/** A user who sends as fast as answers come, sends again what was not answered, and notes all in the ledger. */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { MsgData, UserSendMsgResp } from '../../../src/openim/proto/messages.js'
import { RequestId } from '../../../src/openim/requests.js'
import { singleChatId } from '../../../src/rules/messages/conversation-id.js'
import { OpenimClient } from '../../../src/sdk/openim-client.js'
import { newestSeqs, pullRange, textMessage } from '../../messages/chat.js'
import { gate } from '../../support/gate.js'
import { type Copy, type Ledger, type Reading, Session } from './ledger.js'

export interface ChatterOptions {
  userId: string
  peerId: string
  platformId: number
  token: string
  ledger: Ledger
  /** Addresses of the nodes, in the order in which they are tried. */
  urls(): readonly string[]
  random(): number
}

/** Messages of one user that wait for their answers. */
const WINDOW = 4
/** Before a message is sent again, and before the next try of a login; half to all of it. */
const AGAIN_MS = 200
/** As long as the SDKs wait. */
const TIMEOUT_MS = 10_000
const PAGE = 100

export class Chatter {
  readonly conversationId: string
  readonly #options: ChatterOptions
  readonly #living: Promise<void>
  #lanes: Promise<void>[] = []
  #session: Session | undefined
  #client: OpenimClient | undefined
  /** Opens with the next login. */
  #login = gate()
  #isSending = false
  #isOver = false

  constructor(options: ChatterOptions) {
    this.#options = options
    const [a, b] = [options.userId, options.peerId].sort() as [string, string]
    this.conversationId = singleChatId({ a, b })
    this.#living = this.#live()
  }

  /** Resolves when it is logged in. */
  async ready(): Promise<void> {
    await this.#login.promise
  }

  startSending(): void {
    this.#isSending = true
    this.#lanes = Array.from({ length: WINDOW }, () => this.#lane())
  }

  /** Nothing new is sent. Resolves when everything was answered, or the chatter has ended. */
  async stopSending(): Promise<void> {
    this.#isSending = false
    await Promise.all(this.#lanes)
  }

  /** What an open connection has been pushed last, or has known from its first read. */
  get heardSeq(): number {
    const { pushes = [], baseSeq = 0 } = this.#session ?? {}
    return Math.max(pushes.at(-1)?.seq ?? 0, baseSeq)
  }

  /** Over the socket, as a client that has lost everything. */
  async readAll(): Promise<Reading> {
    const { userId } = this.#options
    await this.#login.promise
    const client = this.#client!
    const { conversationId } = this
    const maxSeq = (await newestSeqs(client, userId))[conversationId] ?? 0
    const copies: Copy[] = []
    for (let begin = 1; begin <= maxSeq; begin += PAGE) {
      const end = Math.min(begin + PAGE - 1, maxSeq)
      const page = await pullRange(client, userId, { conversationID: conversationId, begin, end, num: PAGE })
      copies.push(...page.map(copyOf))
    }
    return { conversationId, reader: userId, maxSeq, copies }
  }

  async end(): Promise<void> {
    this.#isOver = true
    this.#isSending = false
    await this.#client?.terminate()
    await this.#living
  }

  async #live(): Promise<void> {
    for (let attempt = 0; !this.#isOver; attempt++) {
      const urls = this.#options.urls()
      const url = urls[attempt % Math.max(urls.length, 1)]
      const client = url === undefined ? undefined : await this.#connect(url)
      if (client === undefined) {
        await this.#pause()
        continue
      }
      if (this.#isOver) return void (await client.terminate())
      await this.#serve(client)
      // Back to the same node first.
      attempt = -1
    }
  }

  async #connect(url: string): Promise<OpenimClient | undefined> {
    const { userId, platformId, token } = this.#options
    const options = { url, token, userId, platformId, timeoutMs: TIMEOUT_MS }
    return OpenimClient.connect(options).catch(() => undefined)
  }

  /** Resolves when the connection is closed. */
  async #serve(client: OpenimClient): Promise<void> {
    const session = new Session(this.#options.userId, this.conversationId)
    this.#options.ledger.sessions.push(session)
    client.on('message', ({ conversationId, message }) => {
      client.messages.length = 0
      if (conversationId === this.conversationId) session.pushes.push(copyOf(message))
    })
    const closed = client.closeCode === undefined ? once(client, 'close') : undefined
    this.#client = client
    this.#session = session
    this.#login.open()
    newestSeqs(client, this.#options.userId).then(
      (seqs) => {
        session.baseSeq = seqs[this.conversationId] ?? 0
      },
      // Without it the session proves the order alone.
      () => {},
    )
    await closed
    session.isOpen = false
    this.#client = undefined
    this.#session = undefined
    this.#login = gate()
  }

  async #lane(): Promise<void> {
    const { userId, peerId, platformId, ledger } = this.#options
    while (this.#isSending) {
      const message = textMessage(userId, peerId, 'storm', { senderPlatformID: platformId })
      ledger.send(this.conversationId, userId, message.clientMsgID)
      const bytes = MsgData.encode(message).finish()
      while (!this.#isOver && !(await this.#isAnswered(message.clientMsgID, bytes))) await this.#pause()
    }
  }

  async #isAnswered(clientMsgId: string, bytes: Uint8Array): Promise<boolean> {
    const { ledger } = this.#options
    const client = this.#client
    if (client === undefined) return false
    const response = await client.request(RequestId.SendMessage, bytes).catch(() => undefined)
    if (response === undefined) {
      ledger.broken++
      return false
    }
    if (response.errCode !== 0) {
      ledger.refuse(response.errCode)
      return false
    }
    const { serverMsgID, sendTime } = UserSendMsgResp.decode(response.data!)
    ledger.answer(clientMsgId, { serverMsgId: serverMsgID, sendTimeMs: sendTime })
    return true
  }

  #pause(): Promise<void> {
    return pause(AGAIN_MS * (0.5 + 0.5 * this.#options.random()))
  }
}

function copyOf({ clientMsgID, serverMsgID, sendID, seq, sendTime }: MsgData): Copy {
  return { clientMsgId: clientMsgID, serverMsgId: serverMsgID, sender: sendID, seq, sendTimeMs: sendTime }
}
