/** One user with an unmodified `@openim/wasm-client-sdk`, in a page (wasm-page.ts) of a browser. */
import type { ApiService } from '@openim/client-sdk'
import { Platform } from '../../src/openim/platforms.js'
import type { Teardown } from '../support/node.js'
import type { Browser, Page } from './browser.js'
import { type Data, RefusedError, SdkUser } from './sdk-user.js'
import type { SdkServer } from './server.js'
import { TcpLine } from './tcp-line.js'
import type { PageAnswer, PageReport } from './wasm-page.js'

/** For a page to be loaded on a busy machine. */
const LOAD_MS = 60_000

/** Where users open their pages. */
export interface Pages {
  browser: Browser
  /** Whose page they open. */
  origin: string
}

export class WasmUser extends SdkUser {
  /** `LogLevel` of the SDK: Panic 0 to Verbose 6. */
  protected readonly logLevel = Number(process.env.SDK_TEST_LOG_LEVEL ?? 3)
  #page: Page | undefined
  #loaded = 0
  #ended: string | undefined

  private constructor(
    server: SdkServer,
    private readonly origin: string,
    line: TcpLine,
    userId: string,
  ) {
    super(server, line, userId, Platform.Web)
  }

  /** A page of its own without any data. Not logged in. */
  static async start(
    test: Teardown,
    { server, browser, origin }: Pages & { server: SdkServer },
    userId: string,
  ): Promise<WasmUser> {
    const line = await TcpLine.to(test, { host: server.host, port: server.wsPort })
    const user = new WasmUser(server, origin, line, userId)
    user.#page = await browser.newPage({
      onReport: (text) => user.#hear(JSON.parse(text)),
      onConsole: (text) => user.said(`${text}\n`),
      onFault: (text) => void user.faults.push(text),
      onEnd: (why) => user.#end(why),
    })
    test.teardown(() => user.close())
    await user.load()
    return user
  }

  /** The same, logged in with a new token, its first sync over. */
  static async login(...args: Parameters<typeof WasmUser.start>): Promise<WasmUser> {
    const user = await WasmUser.start(...args)
    await user.login()
    return user
  }

  /** Open the page, or load it anew; what it keeps in the browser stays. Not logged in. */
  async load(): Promise<void> {
    const before = this.#loaded
    await this.#page!.open(this.origin)
    await this.until('page', () => (this.#loaded > before ? true : undefined), LOAD_MS)
  }

  /** Whether the page may read what a URL answers. */
  async canRead(url: string): Promise<boolean> {
    const read = `fetch(${JSON.stringify(url)}, { method: 'POST' }).then(() => true, () => false)`
    return (await this.#page!.evaluate(read)) === true
  }

  async call<Name extends keyof ApiService>(
    name: Name,
    ...args: Parameters<ApiService[Name]>
  ): Promise<Data<Name>> {
    let answer: PageAnswer | undefined
    const settle = (settled: PageAnswer) => {
      answer = settled
      this.reported()
    }
    this.#page!.evaluate(`sdkCall(${JSON.stringify(name)}, ${JSON.stringify(args)})`).then(
      (text) => settle(JSON.parse(`${text}`)),
      // The page was left or closed.
      (error: Error) => settle({ refusal: { errCode: 0, errMsg: error.message } }),
    )
    const { data, refusal } = await this.until(`answer to ${name}`, () => answer)
    if (refusal !== undefined) throw new RefusedError(name, refusal)
    return data as Data<Name>
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return
    this.#end('closed')
    await this.#page!.close()
  }

  protected get ended(): string | undefined {
    return this.#ended
  }

  #end(why: string): void {
    this.#ended ??= why
    this.reported()
  }

  #hear(report: PageReport): void {
    if (report.kind === 'ready') this.#loaded++
    else this.events.push(report.event)
    this.reported()
  }
}
