/**
 * The child process of one JsUser: it holds one `@openim/client-sdk`, carries out the calls that its parent sends, and
 * reports results and events. One SDK a process, because the SDK keeps state in its module and expects a page of its own.
 *
 * Needs a global WebSocket: Node 22, or Node 20 with --experimental-websocket.
 */
import type { CallbackEvent } from '@openim/client-sdk'
import type { Refusal } from './sdk-user.js'

/** One call of the SDK. */
export interface Command {
  id: number
  call: string
  args: unknown[]
}

/** Id 0, unasked: ready for commands. */
export interface Answer {
  kind: 'answer'
  id: number
  data?: unknown
  refusal?: Refusal
}

export type Report =
  | Answer
  | { kind: 'event'; event: CallbackEvent<unknown> }
  /** A rejection that the SDK did not handle. A page would write it to its console and live on. */
  | { kind: 'fault'; text: string }

/** Calls by their names. */
type Calls = Record<string, (...args: unknown[]) => Promise<{ data: unknown }>>
/** Takes every event alike. */
interface Events {
  on(name: string, listener: (event: CallbackEvent<unknown>) => void): void
}

const report = (one: Report) => void process.send!(one)

process.on('disconnect', () => process.exit())
process.on('unhandledRejection', (error) => {
  report({ kind: 'fault', text: error instanceof Error ? `${error.stack}` : JSON.stringify(error) })
})

/**
 * Delivers each message in a task of its own, as browsers do. Node's WebSocket delivers all that one read brought in one
 * task; then the SDK sees the push of a message before it has dealt with the acknowledgement, and takes its own message
 * for an incoming one.
 */
class TaskPerMessageSocket extends WebSocket {
  override set onmessage(listener: (event: MessageEvent) => void) {
    super.onmessage = (event: MessageEvent) => setImmediate(listener, event)
  }
}
globalThis.WebSocket = TaskPerMessageSocket

// The build is named by the parent: the package has several, and they differ in what works.
const { getSDK, CbEvents } = (await import(process.argv[2]!)) as typeof import('@openim/client-sdk')
const sdk: unknown = getSDK()
for (const name of Object.values(CbEvents))
  (sdk as Events).on(name, (event) => report({ kind: 'event', event }))

process.on('message', async ({ id, call, args }: Command) => {
  try {
    const { data } = await (sdk as Calls)[call]!(...args)
    report({ kind: 'answer', id, data })
  } catch (error) {
    // The SDK rejects with the result object, not with an Error.
    const { errCode = 0, errMsg = String(error) } = error as Partial<Refusal>
    report({ kind: 'answer', id, refusal: { errCode, errMsg } })
  }
})
report({ kind: 'answer', id: 0 })
