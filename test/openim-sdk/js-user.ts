/** One user with an unmodified `@openim/client-sdk`, in a child process (js-client.ts) that is told what to do here. */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type {
  ApiService,
  CallbackEvent,
  CbEvents,
  ConversationItem,
  MessageItem,
  ReceiptInfo,
  RevokedInfo,
} from '@openim/client-sdk'
import { Platform } from '../../src/openim/platforms.js'
import type { PlatformId } from '../../src/rules/types.js'
import { endsWithThisProcess } from '../support/leftovers.js'
import type { Teardown } from '../support/node.js'
import type { Answer, Command, Refusal, Report } from './js-client.js'
import type { SdkServer } from './server.js'
import { TcpLine } from './tcp-line.js'

const CLIENT = fileURLToPath(new URL('./js-client.js', import.meta.url))

/** What Node imports by the package's name, and what bundlers for current browsers take. */
export const BUILDS = {
  published: '@openim/client-sdk',
  modern: '@openim/client-sdk/lib/index.modern.mjs',
} as const

/** For a process to start on a busy machine. */
const START_MS = 60_000
/** For one call or event. The SDK waits 5 s before it connects again. */
const STEP_MS = 20_000
const LOG_CHARS = 4_000
/** More pages than any history here has: an SDK that pages in circles fails instead of going on. */
const PAGES_MAX = 200
/** The id of a child's first answer, which comes unasked: it is ready for commands. */
const READY_ID = 0
/** `LogLevel` of the SDK: Silent 5 to Trace 0. */
const LOG_LEVEL = Number(process.env.SDK_TEST_LOG_LEVEL ?? 4)

type Data<Call extends keyof ApiService> = Awaited<ReturnType<ApiService[Call]>>['data']
type EventName = `${CbEvents}`
type SdkEvent<Data = unknown> = CallbackEvent<Data>

/** A call that the SDK refused. */
export class RefusedError extends Error {
  readonly errCode: number
  constructor(call: string, { errCode, errMsg }: Refusal) {
    super(`${call}: ${errCode} ${errMsg}`)
    this.errCode = errCode
  }
}

export interface ClientOptions {
  platformId?: PlatformId
  build?: keyof typeof BUILDS
}

export class JsUser {
  /** All that the SDK reported, oldest first. */
  readonly events: SdkEvent[] = []
  /** Rejections that the SDK left unhandled. */
  readonly faults: string[] = []
  readonly #heard = new EventEmitter()
  readonly #answers = new Map<number, Answer>()
  #lastId = 0
  #log = ''

  private constructor(
    private readonly server: SdkServer,
    private readonly child: ChildProcess,
    private readonly line: TcpLine,
    readonly userId: string,
    readonly platformId: PlatformId,
  ) {
    // Several calls may be under way at once.
    this.#heard.setMaxListeners(0)
    child.on('message', (report: Report) => this.#hear(report))
    child.on('exit', () => this.#heard.emit('report'))
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        // The SDK is one line of 178 KB, which Node shows whole where it throws.
        const clipped = text.replace(/.{300,}/g, (line) => `${line.slice(0, 300)}…`)
        this.#log = (this.#log + clipped).slice(-LOG_CHARS)
      })
    }
  }

  /** A fresh SDK without any data, as after loading a page. Not logged in. */
  static async start(
    test: Teardown,
    server: SdkServer,
    userId: string,
    { platformId = Platform.Web, build = 'published' }: ClientOptions = {},
  ): Promise<JsUser> {
    const line = await TcpLine.to(test, { host: server.host, port: server.wsPort })
    // The test runner has children load a module of its own.
    const args = ['-u', 'NODE_OPTIONS', process.execPath, '--experimental-websocket', CLIENT, BUILDS[build]]
    const child = spawn('env', args, {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    endsWithThisProcess(child)
    const user = new JsUser(server, child, line, userId, platformId)
    test.teardown(() => user.close())
    await user.#answerTo(READY_ID, 'start', START_MS)
    return user
  }

  /** The same, logged in with a new token, its first sync over. */
  static async login(...args: Parameters<typeof JsUser.start>): Promise<JsUser> {
    const user = await JsUser.start(...args)
    await user.login()
    return user
  }

  async login(): Promise<void> {
    const { server, userId: userID, platformId: platformID } = this
    const token = await server.admin.userToken(userID, platformID)
    const since = this.events.length
    const wsAddr = `ws://127.0.0.1:${this.line.port}`
    const logLevel: number = LOG_LEVEL
    await this.call('login', { userID, token, platformID, wsAddr, apiAddr: server.apiUrl, logLevel })
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

  /** Any call of the SDK; throws RefusedError. */
  async call<Name extends keyof ApiService>(
    name: Name,
    ...args: Parameters<ApiService[Name]>
  ): Promise<Data<Name>> {
    const id = ++this.#lastId
    // Where the process has ended, the wait for the answer says so.
    this.child.send({ id, call: name, args } satisfies Command, () => {})
    const { data, refusal } = await this.#answerTo(id, name, STEP_MS)
    if (refusal !== undefined) throw new RefusedError(name, refusal)
    return data as Data<Name>
  }

  /** A message with ids, not sent yet. */
  newText(text: string): Promise<MessageItem> {
    return this.call('createTextMessage', text)
  }

  /** Send a message, also once more, and wait for the server's acknowledgement. */
  send(message: MessageItem, to: JsUser): Promise<MessageItem> {
    return this.call('sendMessage', { recvID: to.userId, groupID: '', message })
  }

  async sendText(text: string, to: JsUser): Promise<MessageItem> {
    return this.send(await this.newText(text), to)
  }

  /** One after another, each once the one before is acknowledged. */
  async sendTexts(texts: readonly string[], to: JsUser): Promise<void> {
    for (const text of texts) await this.sendText(text, to)
  }

  conversationWith({ userId }: JsUser): string {
    return `si_${[this.userId, userId].sort().join('_')}`
  }

  /** The SDK's view of a conversation; undefined when its list has none. */
  async conversation(peer: JsUser): Promise<ConversationItem | undefined> {
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
  async historyPages(peer: JsUser, count = 40): Promise<MessageItem[][]> {
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

  async history(peer: JsUser): Promise<MessageItem[]> {
    return (await this.historyPages(peer)).flat()
  }

  /**
   * The history once it has a message. The SDK learns the seq of a message of its own from the server's push and has no
   * event for it, so this asks again; revoke and delete need the seq.
   */
  async historyWith(peer: JsUser, { clientMsgID }: MessageItem): Promise<MessageItem[]> {
    const deadlineMs = Date.now() + STEP_MS
    for (;;) {
      const history = await this.history(peer)
      if (history.some((message) => message.clientMsgID === clientMsgID)) return history
      if (Date.now() > deadlineMs) throw new Error(`${this.userId} never gets a message of their own`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  markRead(peer: JsUser): Promise<null> {
    return this.call('markConversationMessageAsRead', this.conversationWith(peer))
  }

  revoke({ clientMsgID }: MessageItem, peer: JsUser): Promise<void> {
    return this.call('revokeMessage', { conversationID: this.conversationWith(peer), clientMsgID })
  }

  /** For this user; the other one keeps it. */
  deleteMessage({ clientMsgID }: MessageItem, peer: JsUser): Promise<void> {
    return this.call('deleteMessage', { conversationID: this.conversationWith(peer), clientMsgID })
  }

  typing(peer: JsUser, focus: boolean): Promise<null> {
    return this.call('changeInputStates', { conversationID: this.conversationWith(peer), focus })
  }

  /** Both ends of the SDK's connection are reset. It connects again after 5 s by itself. */
  cutSocket(): void {
    this.line.cut()
  }

  /** What the server sends is lost until the socket is cut. */
  loseAnswers(): void {
    this.line.loseAnswers()
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
      const { exitCode, signalCode } = this.child
      const ended = exitCode ?? signalCode
      if (signal.aborted || ended !== null) {
        const why = ended === null ? `not within ${withinMs} ms` : `its process ended: ${ended}`
        const seen = this.events.slice(-20).map(({ event }) => event)
        throw new Error(`${this.userId}: ${what}: ${why}. Last events: ${seen}. It said:\n${this.#log}`)
      }
      // Rejects when the time is over, which the next turn reports.
      await once(this.#heard, 'report', { signal }).catch(() => {})
    }
  }

  /** As when a page is closed. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  async #answerTo(id: number, call: string, withinMs: number): Promise<Answer> {
    const answer = await this.until(`answer to ${call}`, () => this.#answers.get(id), withinMs)
    this.#answers.delete(id)
    return answer
  }

  #hear(report: Report): void {
    if (report.kind === 'event') this.events.push(report.event)
    else if (report.kind === 'fault') this.faults.push(report.text)
    else this.#answers.set(report.id, report)
    this.#heard.emit('report')
  }
}

export const textOf = (message: MessageItem): string | undefined => message.textElem?.content
