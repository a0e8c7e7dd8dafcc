/**
 * Errors with a code. They cross threads as plain data, because an Error that is posted to another thread loses its
 * class and its fields: see `toWire` and `fromWire`.
 */

/** What may come of the same call, made again. `never`: it fails again. `later`: it may succeed, after a backoff. */
export type Retry = 'never' | 'later'

/** The base of every error that callers tell apart. They match on `code`, by `hasCode`: a class does not cross threads. */
export abstract class CodedError extends Error {
  /** Stable, in capitals; each has a row in a catalogue. */
  abstract readonly code: string
  abstract readonly retry: Retry
}

/** An error of the runtime itself, or one that came from another thread and keeps its code. */
export class RuntimeError extends CodedError {
  constructor(
    readonly code: string,
    readonly retry: Retry,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** One line of an error catalogue. */
export interface CatalogueEntry {
  readonly code: string | number
  readonly seenBy: string
  readonly meaning: string
  readonly retry: string
}

/** Every error code of the runtime, for the documentation. */
export const catalogue = [
  {
    code: 'ASK_DEADLINE',
    seenBy: 'the asking actor',
    meaning: 'No answer came before the deadline of the ask.',
    retry: 'later',
  },
  {
    code: 'NO_SUCH_ACTOR',
    seenBy: 'the asking actor',
    meaning: 'The actor has stopped, or never was; the question became a dead letter.',
    retry: 'never',
  },
  {
    code: 'MAILBOX_FULL',
    seenBy: 'the asking actor',
    meaning: 'The mailbox had no room; the question became a dead letter.',
    retry: 'later',
  },
  {
    code: 'THREAD_LOST',
    seenBy: 'the asking actor',
    meaning: 'The thread of the asked actor ended; another is being hosted.',
    retry: 'later',
  },
  {
    code: 'LINK_FULL',
    seenBy: 'the asking actor',
    meaning: 'Too much waits for the thread of the asked actor; the question became a dead letter.',
    retry: 'later',
  },
  {
    code: 'CONTROL_DEADLINE',
    seenBy: 'the supervisor',
    meaning: 'A thread did not answer on its control plane in time.',
    retry: 'later',
  },
  {
    code: 'UNKNOWN',
    seenBy: 'the asking actor',
    meaning: 'The asked actor failed with an error that has no code; the message says which.',
    retry: 'later',
  },
] as const satisfies readonly (CatalogueEntry & { retry: Retry })[]

export type RuntimeErrorCode = (typeof catalogue)[number]['code']

const RETRIES: ReadonlyMap<string, Retry> = new Map(catalogue.map(({ code, retry }) => [code, retry]))

export function runtimeError(code: RuntimeErrorCode, message: string): RuntimeError {
  return new RuntimeError(code, RETRIES.get(code)!, message)
}

/** The code of an error, ours or the system's (`ENOENT`); undefined = it has none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Whether an error has this code. The one way to match on codes, on whatever thread the error was made. */
export function hasCode<C extends string>(error: unknown, code: C): error is Error & { readonly code: C } {
  return codeOf(error) === code
}

/** What remains of an Error on its way to another thread. */
export interface WireError {
  code: string
  message: string
  retry: Retry
  /** Message of the cause, if there is one. */
  cause?: string
}

/** An error that is none of ours may have any reason: the same call may succeed later. */
export function toWire(error: unknown): WireError {
  const code: string = codeOf(error) ?? ('UNKNOWN' satisfies RuntimeErrorCode)
  const retry = error instanceof CodedError ? error.retry : 'later'
  if (!(error instanceof Error)) return { code, message: String(error), retry }
  const { message, cause } = error
  if (cause === undefined) return { code, message, retry }
  return { code, message, retry, cause: cause instanceof Error ? cause.message : String(cause) }
}

export function fromWire({ code, message, retry, cause }: WireError): RuntimeError {
  return new RuntimeError(code, retry, message, cause === undefined ? undefined : { cause: new Error(cause) })
}
