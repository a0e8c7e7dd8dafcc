/**
 * Headless Chromium for tests, driven over its DevTools protocol: JSON texts, each ended by a zero byte, on two pipes.
 * That takes less code than a library's API around it, opens no port, and ties no package to a version of the browser.
 * CHROMIUM names another program than the `chromium` of the PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { endsWithThisProcess, removeFolder, temporaryFolder } from '../support/leftovers.js'
import type { Teardown } from '../support/node.js'

const FLAGS = [
  '--headless',
  // Tests run as root, where the sandbox refuses to start. The pages are their own.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // All pages of a test are in sight of somebody.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
  '--remote-debugging-pipe',
]
const LOG_CHARS = 4_000
/** For one command: a start on a busy machine takes the longest. */
const COMMAND_MS = 60_000

/** What a page tells. */
export interface PageListener {
  /** The page called `report(text)`. */
  onReport(text: string): void
  /** It wrote to its console. */
  onConsole(text: string): void
  /** An exception that nobody handled, or a request that failed. */
  onFault(text: string): void
  onEnd(why: string): void
}

type Params = Record<string, unknown>

interface Incoming {
  id?: number
  sessionId?: string
  method?: string
  params?: Params
  result?: Params
  error?: { message: string }
}

interface Pending {
  resolve(result: Params): void
  reject(error: Error): void
  deadline: NodeJS.Timeout
}

export class Browser {
  readonly #listeners = new Map<string, (method: string, params: Params) => void>()
  readonly #pending = new Map<number, Pending>()
  readonly #commands: Writable
  #lastId = 0
  #unfinished = ''
  #log = ''

  private constructor(private readonly child: ChildProcess) {
    this.#commands = child.stdio[3] as Writable
    // The process has ended: its exit tells everybody who waits.
    this.#commands.on('error', () => {})
    const messages = child.stdio[4] as Readable
    messages.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_CHARS)
    })
    child.on('error', ({ message }) => this.#end(message))
    child.on('exit', (code, signal) => this.#end(`chromium ended: ${code ?? signal}`))
  }

  /** Runs until the test ends, with a profile of its own. */
  static async start(test: Teardown): Promise<Browser> {
    const profile = temporaryFolder('chromium')
    const child = spawn(process.env.CHROMIUM ?? 'chromium', [...FLAGS, `--user-data-dir=${profile}`], {
      env: { PATH: process.env.PATH, HOME: profile },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    })
    endsWithThisProcess(child)
    const browser = new Browser(child)
    test.teardown(async () => {
      await browser.#close()
      removeFolder(profile)
    })
    await browser.send('Browser.getVersion')
    return browser
  }

  /** An empty page with a profile of its own: no other page sees its storage. */
  async newPage(listener: PageListener): Promise<Page> {
    const { browserContextId } = await this.send('Target.createBrowserContext')
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', browserContextId })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(this, `${sessionId}`, `${browserContextId}`)
    this.#listeners.set(`${sessionId}`, (method, params) => hear(listener, method, params))
    for (const domain of ['Page', 'Runtime', 'Log', 'Inspector']) await page.send(`${domain}.enable`)
    await page.send('Runtime.addBinding', { name: 'report' })
    return page
  }

  /** A command of the protocol, to the browser or to one of its pages. */
  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#lastId
    return new Promise<Params>((resolve, reject) => {
      const expire = () => reject(new Error(`${method}: no answer. ${this.#log}`))
      this.#pending.set(id, { resolve, reject, deadline: setTimeout(expire, COMMAND_MS) })
      this.#commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`, () => {})
    })
  }

  async #close(): Promise<void> {
    const { child } = this
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  #read(text: string): void {
    const messages = (this.#unfinished + text).split('\0')
    this.#unfinished = messages.pop()!
    for (const message of messages) this.#take(JSON.parse(message))
  }

  #take({ id, sessionId = '', method = '', params = {}, result = {}, error }: Incoming): void {
    if (id === undefined) {
      this.#listeners.get(sessionId)?.(method, params)
      return
    }
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    clearTimeout(pending?.deadline)
    if (error === undefined) pending?.resolve(result)
    else pending?.reject(new Error(error.message))
  }

  #end(why: string): void {
    for (const { reject, deadline } of this.#pending.values()) {
      clearTimeout(deadline)
      reject(new Error(`${why}. ${this.#log}`))
    }
    this.#pending.clear()
    for (const listener of this.#listeners.values()) listener('Inspector.detached', { reason: why })
  }
}

export class Page {
  constructor(
    private readonly browser: Browser,
    private readonly sessionId: string,
    private readonly contextId: string,
  ) {}

  send(method: string, params: Params = {}): Promise<Params> {
    return this.browser.send(method, params, this.sessionId)
  }

  /** Begin to load a page. */
  async open(url: string): Promise<void> {
    const { errorText } = await this.send('Page.navigate', { url })
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
  }

  /** The value of an expression, or of the promise that it is. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${textOfException(exceptionDetails)}`)
    return (result as { value?: unknown }).value
  }

  /** The page and its storage are gone. */
  async close(): Promise<void> {
    await this.browser.send('Target.disposeBrowserContext', { browserContextId: this.contextId })
  }
}

interface RemoteObject {
  value?: unknown
  description?: string
}

function hear(listener: PageListener, method: string, params: Params): void {
  switch (method) {
    case 'Runtime.bindingCalled':
      return listener.onReport(`${params.payload}`)
    case 'Runtime.consoleAPICalled':
      return listener.onConsole((params.args as RemoteObject[]).map(textOfObject).join(' '))
    case 'Runtime.exceptionThrown':
      return listener.onFault(textOfException(params.exceptionDetails))
    case 'Log.entryAdded': {
      const { level, text, url } = params.entry as { level: string; text: string; url?: string }
      return level === 'error' ? listener.onFault(`${text} ${url}`) : listener.onConsole(text)
    }
    case 'Inspector.targetCrashed':
      return listener.onEnd('the page crashed')
    case 'Inspector.detached':
      return listener.onEnd(`${params.reason}`)
  }
}

const textOfObject = ({ value, description }: RemoteObject) => description ?? `${JSON.stringify(value)}`

function textOfException(details: unknown): string {
  const { text, exception } = details as { text: string; exception?: RemoteObject }
  return exception === undefined ? text : `${text} ${textOfObject(exception)}`
}
