/**
 * Every failure that has a name. One class a failure; `code` is stable and is what callers match on.
 *
 * An Error posted between threads arrives without its class and code, so `toWire` and `fromWire` of
 * `runtime/errors.ts` carry the code.
 */

/** What a caller may do about a failure. `never`: the same call fails again. */
export type Retry = 'never' | 'later'

/** One line of the error catalogue in the README. Every file with error codes exports a `catalogue` of these. */
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
