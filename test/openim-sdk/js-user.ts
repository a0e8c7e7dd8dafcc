/** One user with an unmodified `@openim/client-sdk`, in a child process (js-client.ts) that is told what to do here. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ApiService } from '@openim/client-sdk'
import { Platform } from '../../src/openim/platforms.js'
import type { PlatformId } from '../../src/rules/types.js'
import { endsWithThisProcess } from '../support/leftovers.js'
import type { Teardown } from '../support/node.js'
import type { Answer, Command, Report } from './js-client.js'
import { type Data, RefusedError, SdkUser, STEP_MS } from './sdk-user.js'
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
/** The id of a child's first answer, which comes unasked: it is ready for commands. */
const READY_ID = 0

export interface ClientOptions {
  platformId?: PlatformId
  build?: keyof typeof BUILDS
}

export class JsUser extends SdkUser {
  /** `LogLevel` of the SDK: Silent 5 to Trace 0. */
  protected readonly logLevel = Number(process.env.SDK_TEST_LOG_LEVEL ?? 4)
  readonly #answers = new Map<number, Answer>()
  #lastId = 0

  private constructor(
    server: SdkServer,
    private readonly child: ChildProcess,
    line: TcpLine,
    userId: string,
    platformId: PlatformId,
  ) {
    super(server, line, userId, platformId)
    child.on('message', (report: Report) => this.#hear(report))
    child.on('exit', () => this.reported())
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.said(text))
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

  async close(): Promise<void> {
    if (this.ended !== undefined) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  protected get ended(): string | undefined {
    const { exitCode, signalCode } = this.child
    return (exitCode ?? signalCode)?.toString()
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
    this.reported()
  }
}
