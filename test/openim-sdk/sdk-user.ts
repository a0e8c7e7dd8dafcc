/** One user with one of OpenIM's SDKs: what a test does with it, and what it waits for, wherever that SDK runs. */
import { EventEmitter, once } from 'node:events'
import type {
  ApiService,
  CallbackEvent,
  CbEvents,
  ConversationItem,
  MessageItem,
  ReceiptInfo,
  RevokedInfo,
} from '@openim/client-sdk'
import type { PlatformId } from '../../src/rules/types.js'
import type { SdkServer } from './server.js'
import type { TcpLine } from './tcp-line.js'

/** For one call or event. The SDKs wait 5 s before they connect again. */
export const STEP_MS = 20_000
const LOG_CHARS = 4_000
/** More pages than any history here has: an SDK that pages in circles fails instead of going on. */
const PAGES_MAX = 200

/** Calls and their data have the same names and fields in every SDK. */
export type Data<Call extends keyof ApiService> = Awaited<ReturnType<ApiService[Call]>>['data']
export type EventName = `${CbEvents}`
export type SdkEvent<Data = unknown> = CallbackEvent<Data>

/** How an SDK refuses a call. */
export interface Refusal {
  errCode: number
  errMsg: string
}

/** A call that the SDK refused. */
export class RefusedError extends Error {
  readonly errCode: number
  constructor(call: string, { errCode, errMsg }: Refusal) {
    super(`${call}: ${errCode} ${errMsg}`)
    this.errCode = errCode
  }
}

export abstract class SdkUser {
  /** All that the SDK reported, oldest first. */
  readonly events: SdkEvent[] = []
  /** What the SDK left unhandled. A page would write it to its console and live on. */
  readonly faults: string[] = []
  readonly #reports = new EventEmitter()
  #log = ''

  protected constructor(
    protected readonly server: SdkServer,
    private readonly line: TcpLine,
    readonly userId: string,
    readonly platformId: PlatformId,
  ) {
    // Several calls may be under way at once.
    this.#reports.setMaxListeners(0)
  }

  /** Any call of the SDK; throws RefusedError. */
  abstract call<Name extends keyof ApiService>(
    name: Name,
    ...args: Parameters<ApiService[Name]>
  ): Promise<Data<Name>>

  /** As when a page is closed. */
  abstract close(): Promise<void>

  /** How what runs the SDK has ended; undefined while it runs. */
  protected abstract get ended(): string | undefined

  /** The SDK's level of logging, in its own numbers. */
  protected abstract readonly logLevel: number

  /** Start a login with a new token. */
  async startLogin(): Promise<void> {
    const { server, userId: userID, platformId: platformID, logLevel } = this
    const token = await server.admin.userToken(userID, platformID)
    const wsAddr = `ws://127.0.0.1:${this.line.port}`
    await this.call('login', { userID, token, platformID, wsAddr, apiAddr: server.apiUrl, logLevel })
  }

  /** Log in with a new token; the first sync is over then. */
  async login(): Promise<void> {
    const since = this.events.length
    await this.startLogin()
    await this.synced(since)
  }

  /** The first sync that ends after the event `since` is over; throws when it, or the login, fails. */
  async synced(since: number): Promise<void> {
    const ends = ['OnSyncServerFinish', 'OnSyncServerFailed', 'OnKickedOffline']
    const { event, errMsg } = await this.until('end of sync', () =>
      this.events.slice(since).find((one) => ends.includes(one.event)),
    )
    if (event !== 'OnSyncServerFinish') throw new Error(`${this.userId}: ${event} ${errMsg}`)
  }

  logout(): Promise<void> {
    return this.call('logout')
  }

  /** A message with ids, not sent yet. */
  newText(text: string): Promise<MessageItem> {
    return this.call('createTextMessage', text)
  }

  /** Send a message, also once more, and wait for the server's acknowledgement. */
  send(message: MessageItem, to: SdkUser): Promise<MessageItem> {
    return this.call('sendMessage', { recvID: to.userId, groupID: '', message })
  }

  async sendText(text: string, to: SdkUser): Promise<MessageItem> {
    return this.send(await this.newText(text), to)
  }

  /** One after another, each once the one before is acknowledged. */
  async sendTexts(texts: readonly string[], to: SdkUser): Promise<void> {
    for (const text of texts) await this.sendText(text, to)
  }

  conversationWith({ userId }: SdkUser): string {
    return `si_${[this.userId, userId].sort().join('_')}`
  }

  /** The SDK's view of a conversation; undefined when its list has none. */
  async conversation(peer: SdkUser): Promise<ConversationItem | undefined> {
    return (await this.conversations()).find(
      ({ conversationID }) => conversationID === this.conversationWith(peer),
    )
  }

  /** In the order of the SDK's list. */
  conversations(): Promise<ConversationItem[]> {
    return this.call('getConversationListSplit', { offset: 0, count: 100 })
  }

  unreadCount(): Promise<number> {
    return this.call('getTotalUnreadMsgCount')
  }

  /** The whole history in pages, oldest page first, oldest message of each first. */
  async historyPages(peer: SdkUser, count = 40): Promise<MessageItem[][]> {
    const conversationID = this.conversationWith(peer)
    const pages: MessageItem[][] = []
    for (let startClientMsgID = ''; ; startClientMsgID = pages[0]![0]!.clientMsgID) {
      const page = await this.call('getAdvancedHistoryMessageList', {
        conversationID,
        count,
        startClientMsgID,
      })
      if (page.messageList.length > 0) pages.unshift(page.messageList)
      if (page.isEnd || page.messageList.length === 0) return pages
      if (pages.length > PAGES_MAX) throw new Error(`${this.userId}: a history without an end`)
    }
  }

  async history(peer: SdkUser): Promise<MessageItem[]> {
    return (await this.historyPages(peer)).flat()
  }

  /**
   * The history once it has a message. The SDK learns the seq of a message of its own from the server's push and has no
   * event for it, so this asks again; revoke and delete need the seq.
   */
  async historyWith(peer: SdkUser, { clientMsgID }: MessageItem): Promise<MessageItem[]> {
    const deadlineMs = Date.now() + STEP_MS
    for (;;) {
      const history = await this.history(peer)
      if (history.some((message) => message.clientMsgID === clientMsgID)) return history
      if (Date.now() > deadlineMs) throw new Error(`${this.userId} never gets a message of their own`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  markRead(peer: SdkUser): Promise<null> {
    return this.call('markConversationMessageAsRead', this.conversationWith(peer))
  }

  revoke({ clientMsgID }: MessageItem, peer: SdkUser): Promise<void> {
    return this.call('revokeMessage', { conversationID: this.conversationWith(peer), clientMsgID })
  }

  /** For this user; the other one keeps it. */
  deleteMessage({ clientMsgID }: MessageItem, peer: SdkUser): Promise<void> {
    return this.call('deleteMessage', { conversationID: this.conversationWith(peer), clientMsgID })
  }

  typing(peer: SdkUser, focus: boolean): Promise<null> {
    return this.call('changeInputStates', { conversationID: this.conversationWith(peer), focus })
  }

  /** Both ends of the SDK's connection are reset. It connects again after 5 s by itself. */
  cutSocket(): void {
    this.line.cut()
  }

  /** The connection is reset, and so is every new one until `comeBack`. */
  goOffline(): void {
    this.line.goDown()
  }

  comeBack(): void {
    this.line.comeUp()
  }

  /** What the server sends is lost until `passAnswers`, or until the socket is cut. */
  loseAnswers(): void {
    this.line.loseAnswers()
  }

  passAnswers(): void {
    this.line.passAnswers()
  }

  /** Messages that came as events, in their order. */
  get received(): MessageItem[] {
    return this.dataOf<MessageItem[]>('OnRecvNewMessages').flat()
  }

  get receipts(): ReceiptInfo[] {
    return this.dataOf<ReceiptInfo[]>('OnRecvC2CReadReceipt').flat()
  }

  get revocations(): RevokedInfo[] {
    return this.dataOf<RevokedInfo>('OnNewRecvMessageRevoked')
  }

  /** The data of every event of this name so far. */
  dataOf<T>(name: EventName): T[] {
    return this.events.filter(({ event }) => event === name).map(({ data }) => data as T)
  }

  async receives(text: string): Promise<MessageItem> {
    return this.until(`message "${text}"`, () => this.received.find((message) => textOf(message) === text))
  }

  /** Look again after each report of the SDK until there is something. */
  async until<T>(what: string, look: () => T | undefined, withinMs = STEP_MS): Promise<T> {
    const signal = AbortSignal.timeout(withinMs)
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      const { ended } = this
      if (signal.aborted || ended !== undefined) {
        const why = ended === undefined ? `not within ${withinMs} ms` : `it has ended: ${ended}`
        const seen = this.events.slice(-20).map(({ event }) => event)
        throw new Error(`${this.userId}: ${what}: ${why}. Last events: ${seen}. It said:\n${this.#log}`)
      }
      // Rejects when the time is over, which the next turn reports.
      await once(this.#reports, 'report', { signal }).catch(() => {})
    }
  }

  /** Whoever waits looks again. */
  protected reported(): void {
    this.#reports.emit('report')
  }

  /** What is shown where a step fails. */
  protected said(text: string): void {
    // An SDK is one line of 178 KB, which is shown whole where it throws.
    const clipped = text.replace(/.{300,}/g, (line) => `${line.slice(0, 300)}…`)
    this.#log = (this.#log + clipped).slice(-LOG_CHARS)
  }
}

export const textOf = (message: MessageItem): string | undefined => message.textElem?.content
