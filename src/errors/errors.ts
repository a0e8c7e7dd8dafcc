/** Every error of this program that is not of one room alone: one class a failure. Their rows: `catalogue.ts`. */
import { CodedError } from '../runtime/errors.js'

export { type CatalogueEntry, CodedError, codeOf, hasCode, type Retry } from '../runtime/errors.js'

/** The store cannot be reached or did not answer in time. Seen by: sync, shards. Retry: later, with backoff. */
export class StoreUnavailableError extends CodedError {
  readonly code = 'STORE_UNAVAILABLE'
  readonly retry = 'later'
}

/** The store is reachable but cannot serve: too old, wrong mode, no rights. Seen by: operators, at start. */
export class StoreUnsuitableError extends CodedError {
  readonly code = 'STORE_UNSUITABLE'
  readonly retry = 'never'
}

/** The database cannot be reached, read or written. Seen by: storage. Retry: later; what was begun may have been done. */
export class DatabaseUnavailableError extends CodedError {
  readonly code = 'DATABASE_UNAVAILABLE'
  readonly retry = 'later'
}

/** The answer to a commit was lost, so it may have been done. Seen by: storage. Retry: when it was looked up. */
export class CommitUnknownError extends CodedError {
  readonly code = 'COMMIT_UNKNOWN'
  readonly retry = 'later'
}

/** Rows were locked by others for too long, or again and again. Seen by: storage. Retry: later; nothing was done. */
export class DatabaseConflictError extends CodedError {
  readonly code = 'DATABASE_CONFLICT'
  readonly retry = 'later'
}

/** The database takes a row for wrong, or for too large. Seen by: storage. Retry: never with this row. */
export class RowRefusedError extends CodedError {
  readonly code = 'ROW_REFUSED'
  readonly retry = 'never'
}

/** The database can only be served by newer programs. Seen by: operators, at start. Retry: with a newer program. */
export class SchemaTooNewError extends CodedError {
  readonly code = 'SCHEMA_TOO_NEW'
  readonly retry = 'never'
}

/** A table cannot be changed now, because transactions use it. Seen by: whoever migrates. Retry: after a pause. */
export class SchemaBusyError extends CodedError {
  readonly code = 'SCHEMA_BUSY'
  readonly retry = 'later'
}

/** Another process has the lease of the schema. Seen by: whoever migrates. Retry: when that one is done, or has died. */
export class SchemaLeaseLostError extends CodedError {
  readonly code = 'SCHEMA_LEASE_LOST'
  readonly retry = 'later'
}

/** A row with the same key is there already. Seen by: storage. Retry: the whole operation, once more. */
export class DuplicateKeyError extends CodedError {
  readonly code = 'DUPLICATE_KEY'
  readonly retry = 'later'
}

/** A user's record in the store is malformed; the message names the key. Seen by: the client, as error 90007. */
export class DamagedRecordError extends CodedError {
  readonly code = 'DAMAGED_RECORD'
  readonly retry = 'never'
}

/** A frame is not the envelope that its connection agreed on. Seen by: the client, as a closed connection. */
export class BadEnvelopeError extends CodedError {
  readonly code = 'BAD_ENVELOPE'
  readonly retry = 'never'
}

/** A message is longer than its bound, before or after gunzip. Seen by: the client, as close code 1009. */
export class MessageTooLongError extends CodedError {
  readonly code = 'MESSAGE_TOO_LONG'
  readonly retry = 'never'
}

/** Which nodes hold the user is not known: the store has not answered. Seen by: callers of REST. Retry: later; it is idempotent. */
export class KickUnconfirmedError extends CodedError {
  readonly code = 'KICK_UNCONFIRMED'
  readonly retry = 'later'
}

/** A setting is missing, malformed or out of its range. Seen by: operators, before anything starts. */
export class BadSettingError extends CodedError {
  readonly code = 'BAD_SETTING'
  readonly retry = 'never'
}

/** A native library's file is not the one that was checked in. Seen by: operators, at start. */
export class BinaryMismatchError extends CodedError {
  readonly code = 'BINARY_MISMATCH'
  readonly retry = 'never'
}
