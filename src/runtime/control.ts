/**
 * The control plane: rare, typed, awaited calls between the main thread and each other thread, on comlink over
 * a port of its own, each with a deadline. Data never goes this way.
 */
import type { MessagePort } from 'node:worker_threads'
import * as Comlink from 'comlink'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import { fromWire, runtimeError, toWire, type WireError } from './errors.js'
import type { ThreadSlot } from './ref.js'

/** Breakages that tests and drills may order: an uncaught error, a heap that fills up, or some seconds without a turn. */
export type Fault = 'throw' | 'fillHeap' | 'hang'

/** What a thread does when the main thread says so. */
export interface ThreadControl {
  /** Resolves when the thread's actors are up; rejects with why they cannot be. */
  ready(): Promise<void>
  /** Take `port` as the path to a neighbour that was hosted anew. */
  relink(slot: ThreadSlot, port: MessagePort): void
  /** A neighbour is gone. */
  unlink(slot: ThreadSlot, reason: string): void
  /** One role of the thread takes no new work and finishes what is under way; resolves when that is done. */
  drain(role: string): Promise<void>
  /** End: the resident task of the thread resolves. That is the answer; the call itself gets none. */
  stop(): Promise<void>
  /** Plain data for metrics. */
  stats(): Promise<unknown>
  /** What lives here, and whether it can do its work: plain data, cheap enough to be asked each second. */
  parts(): Promise<unknown>
  setLogLevel(level: string): void
  fault(kind: Fault): void
}

export type RemoteControl = Comlink.Remote<ThreadControl>

/** A MessagePort inside a call is handed over, not copied. */
Comlink.transferHandlers.set('port', {
  canHandle: (value): value is MessagePort => isPort(value),
  serialize: (port: MessagePort) => [port, [port as never]],
  deserialize: (port: MessagePort) => port,
})

/** Comlink's own way of sending what a call threw would lose the code of an error. */
const { canHandle } = Comlink.transferHandlers.get('throw')!
Comlink.transferHandlers.set('throw', {
  canHandle: canHandle as (thrown: unknown) => thrown is { value: unknown },
  serialize: ({ value }: { value: unknown }) => [toWire(value), []],
  deserialize: (wire: WireError) => {
    throw fromWire(wire)
  },
})

export function exposeControl<T extends object>(verbs: T, port: MessagePort): void {
  Comlink.expose(verbs, nodeEndpoint(port))
}

export function wrapControl<T>(port: MessagePort): Comlink.Remote<T> {
  return Comlink.wrap<T>(nodeEndpoint(port))
}

/** The call's result, or CONTROL_DEADLINE: comlink itself waits for ever for a thread that has died. */
export async function withDeadline<T>(call: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(runtimeError('CONTROL_DEADLINE', `${what}: no answer within ${deadlineMs} ms`)),
      deadlineMs,
    )
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

function isPort(value: unknown): boolean {
  return typeof value === 'object' && value !== null && value.constructor?.name === 'MessagePort'
}
