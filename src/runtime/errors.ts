/** The runtime's own failures. They cross threads as `{ code, message }`; see `toWire` and `fromWire`. */

export class RuntimeError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** Every code above, for the documentation. */
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
] as const

export type RuntimeErrorCode = (typeof catalogue)[number]['code']

export function runtimeError(code: RuntimeErrorCode, message: string): RuntimeError {
  return new RuntimeError(code, message)
}

/** What remains of an Error on its way to another thread. */
export interface WireError {
  code: string
  message: string
}

export function toWire(error: unknown): WireError {
  const code = (error as { code?: unknown } | null)?.code
  const message = error instanceof Error ? error.message : String(error)
  return { code: typeof code === 'string' ? code : 'UNKNOWN', message }
}

export function fromWire(wire: WireError): RuntimeError {
  return new RuntimeError(wire.code, wire.message)
}
