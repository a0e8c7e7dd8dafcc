/** What an error of the driver means for the operation. */
import { codeOf, DatabaseUnavailableError, DuplicateKeyError } from '../../../errors/errors.js'

const DUPLICATES = ['ER_DUP_ENTRY', 'ER_DUP_ENTRY_WITH_KEY_NAME']
/** A lock that took too long, a deadlock, a row that has changed since it was read, a conflict between servers. */
const CONFLICTS = [
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_LOCK_DEADLOCK',
  'ER_CHECKREAD',
  'ER_TRANSACTION_ROLLBACK_DURING_COMMIT',
]
/** Of Galera, 1047: this server has left its cluster. */
const LEFT_ITS_CLUSTER = 'ER_UNKNOWN_COM_ERROR'
/** This server does not write: another has taken its place. */
const NOT_WRITING = [LEFT_ITS_CLUSTER, 'ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE']

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
  const code = codeOf(cause) ?? ''
  if (DUPLICATES.includes(code)) {
    const error = new DuplicateKeyError('a row with the same key, or the same entry of a unique index', {
      cause,
    })
    return { error, isRepeatable: false, isConnectionLost: false }
  }
  const error = new DatabaseUnavailableError(`the database cannot be read or written: ${message}`, { cause })
  if (CONFLICTS.includes(code)) return { error, isRepeatable: true, isConnectionLost: false }
  // A server that leaves its cluster in the middle of COMMIT does not know what has become of it.
  if (NOT_WRITING.includes(code)) {
    return { error, isRepeatable: !(code === LEFT_ITS_CLUSTER && isCommitSent), isConnectionLost: true }
  }
  // Of the server: 1,000 and more. Of the system: below 0. Of the driver, and of our own deadline: none.
  const isConnectionLost = errno < 1_000
  return { error, isRepeatable: isConnectionLost && !isCommitSent, isConnectionLost }
}

/** The transaction failed in a statement, not in the operation itself. */
export class TransactionFailedError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.error.message, { cause: failure.error })
  }
}
