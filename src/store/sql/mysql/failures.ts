/** What an error of the driver means for the operation. */
import { DatabaseUnavailableError, DuplicateKeyError } from '../../../errors/errors.js'
import { DeadlineError } from './deadline.js'

/** ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME */
const DUPLICATES = new Set([1062, 1586])
/** A lock took too long, a deadlock, a row that has changed since it was read, a conflict between servers. */
const CONFLICTS = new Set([1205, 1213, 1020, 3101])
/** This server does not write: it has left its cluster, or another has taken its place. */
const NOT_WRITING = new Set([1047, 1290, 1836])
const LEFT_ITS_CLUSTER = 1047

/** A transaction that has failed, and what to do about it. */
export interface Failure {
  /** For the caller, if the operation is not begun again. */
  error: Error
  /** Nothing was done, and another attempt may succeed. */
  isRepeatable: boolean
  /** The connection is of no more use. */
  isConnectionLost: boolean
}

/** `isCommitSent`: COMMIT was among the statements, so a lost connection says nothing of what was done. */
export function failureOf(cause: unknown, isCommitSent: boolean): Failure {
  const { errno = 0, message } = cause as Error & { errno?: number }
  if (DUPLICATES.has(errno)) {
    const error = new DuplicateKeyError('a row with the same key, or the same entry of a unique index', {
      cause,
    })
    return { error, isRepeatable: false, isConnectionLost: false }
  }
  const error = new DatabaseUnavailableError(`the database cannot be read or written: ${message}`, { cause })
  if (CONFLICTS.has(errno)) return { error, isRepeatable: true, isConnectionLost: false }
  // A server that leaves its cluster in the middle of COMMIT does not know what has become of it.
  if (NOT_WRITING.has(errno)) {
    return { error, isRepeatable: !(errno === LEFT_ITS_CLUSTER && isCommitSent), isConnectionLost: true }
  }
  // Of the server: 1,000 and more. Of the system: below 0. Of the driver: none.
  const isConnectionLost = errno < 1_000
  // Who has waited in vain once does not wait eight times.
  const isRepeatable = isConnectionLost && !isCommitSent && !(cause instanceof DeadlineError)
  return { error, isRepeatable, isConnectionLost }
}

/** The transaction failed in a statement, not in the operation itself. */
export class TransactionFailedError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.error.message, { cause: failure.error })
  }
}
