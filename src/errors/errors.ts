/**
 * Every failure that has a name. One class a failure; `code` is stable and is what callers match on.
 *
 * An Error posted between threads arrives without its class and code, so `toWire` and `fromWire` of
 * `runtime/errors.ts` carry the code.
 */

/** What a caller may do about a failure. `never`: the same call fails again. */
export type Retry = 'never' | 'later'

/** One line of the error catalogue in docs/errors.md. Every file with error codes exports a `catalogue` of these. */
export interface CatalogueEntry {
  readonly code: string | number
  readonly seenBy: string
  readonly meaning: string
  readonly retry: string
}

export abstract class PorchlightError extends Error {
  abstract readonly code: string
  abstract readonly retry: Retry
}

/** The store cannot be reached or did not answer in time. Seen by: sync, shards. Retry: later, with backoff. */
export class StoreUnavailableError extends PorchlightError {
  readonly code = 'STORE_UNAVAILABLE'
  readonly retry = 'later'
}

/** The store is reachable but cannot serve: too old, wrong mode, no rights. Seen by: operators, at start. */
export class StoreUnsuitableError extends PorchlightError {
  readonly code = 'STORE_UNSUITABLE'
  readonly retry = 'never'
}

/** What the store has of a user is of a wrong form; the message names the key. Seen by: the client, as error 90007. */
export class DamagedRecordError extends PorchlightError {
  readonly code = 'DAMAGED_RECORD'
  readonly retry = 'never'
}

/** A frame is not the envelope that its connection agreed on. Seen by: the client, as a closed connection. */
export class BadEnvelopeError extends PorchlightError {
  readonly code = 'BAD_ENVELOPE'
  readonly retry = 'never'
}

/** A message is longer than its bound, before or after gunzip. Seen by: the client, as close code 1009. */
export class MessageTooLongError extends PorchlightError {
  readonly code = 'MESSAGE_TOO_LONG'
  readonly retry = 'never'
}

/** Which nodes hold the user is not known: the store has not answered. Seen by: callers of REST. Retry: later; it is idempotent. */
export class KickUnconfirmedError extends PorchlightError {
  readonly code = 'KICK_UNCONFIRMED'
  readonly retry = 'later'
}

/** A setting is missing, malformed or out of its range. Seen by: operators, before anything starts. */
export class BadSettingError extends PorchlightError {
  readonly code = 'BAD_SETTING'
  readonly retry = 'never'
}

/** A native library's file is not the one that was checked in. Seen by: operators, at start. */
export class BinaryMismatchError extends PorchlightError {
  readonly code = 'BINARY_MISMATCH'
  readonly retry = 'never'
}

/**
 * Why something failed, in the words of whatever failed first: those of an AggregateError are in its errors, those of a
 * Cluster's client in `lastNodeError`, others in a cause. "All promises were rejected" is no reason.
 */
export function reasonOf(error: unknown): string {
  const parts = new Set<string>()
  collectReasons(error, parts, REASON_DEPTH_MAX)
  return [...parts].slice(0, REASONS_MAX).join('; ') || 'no reason was given'
}

const REASON_DEPTH_MAX = 4
const REASONS_MAX = 3
/** What these say is said better by what they carry. */
const WRAPPERS = /^(All promises were rejected|ClusterAllFailedError|Failed to refresh slots cache\.?)$/

function collectReasons(error: unknown, parts: Set<string>, depth: number): void {
  if (!(error instanceof Error)) {
    if (error !== undefined && error !== null) parts.add(String(error))
    return
  }
  const { errors, lastNodeError, cause, message, code } = error as Error & {
    errors?: unknown
    lastNodeError?: unknown
    code?: unknown
  }
  const inner = [...(Array.isArray(errors) ? errors : []), lastNodeError, cause].filter(
    (one) => one instanceof Error,
  )
  const text = message || (typeof code === 'string' ? code : error.name)
  if (depth === 0 || inner.length === 0) parts.add(text)
  else {
    if (message !== '' && !WRAPPERS.test(message)) parts.add(text)
    for (const one of inner) collectReasons(one, parts, depth - 1)
  }
}

/** Every class above, for the documentation; a test compares the two. */
export const catalogue: readonly CatalogueEntry[] = [
  {
    code: 'STORE_UNAVAILABLE',
    seenBy: 'sync, shards',
    meaning: 'The store cannot be reached or did not answer in time.',
    retry: 'later',
  },
  {
    code: 'STORE_UNSUITABLE',
    seenBy: 'operators, at start',
    meaning: 'The store is reachable but cannot serve: too old, wrong mode, no rights.',
    retry: 'never',
  },
  {
    code: 'DAMAGED_RECORD',
    seenBy: 'clients and callers of REST, as error 90007',
    meaning:
      'What the store has of one user is of a wrong form; the log names the key. Nobody else is touched.',
    retry: 'never',
  },
  {
    code: 'BAD_ENVELOPE',
    seenBy: 'the client, as a closed connection',
    meaning: 'A frame is not the envelope that its connection agreed on.',
    retry: 'never',
  },
  {
    code: 'MESSAGE_TOO_LONG',
    seenBy: 'the client, as close code 1009',
    meaning: 'A message is longer than its bound, before or after gunzip.',
    retry: 'never',
  },
  {
    code: 'KICK_UNCONFIRMED',
    seenBy: 'callers of REST, as error 90004',
    meaning: 'A kick, or a list of connections: the store has not said in time which nodes hold the user.',
    retry: 'later',
  },
  {
    code: 'BAD_SETTING',
    seenBy: 'operators, before anything starts',
    meaning: 'A setting is missing, malformed or out of its range; the message names each.',
    retry: 'never',
  },
  {
    code: 'BINARY_MISMATCH',
    seenBy: 'operators, at start',
    meaning:
      "A native library's file has another SHA-256 than the one that was checked in; it was not loaded.",
    retry: 'never',
  },
]
