/** What an error of the driver means for the operation. */
import {
  CommitUnknownError,
  codeOf,
  DatabaseConflictError,
  DatabaseUnavailableError,
  DuplicateKeyError,
  RowRefusedError,
} from '../../../errors/errors.js'

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
/** By number, because MySQL and MariaDB name them differently: a shutdown, a killed connection, one that was idle. */
const ENDING = [1_053, 1_927, 4_031]
/** In the middle of a statement: somebody killed it; of a commit, that went wrong. */
const INTERRUPTED = [1_180, 1_317]
/** Of SQL's classes of states: a value that does not fit, and one that is against a rule of its table. */
const BAD_ROW = /^2[23]/
const PACKET_TOO_LARGE = 'ER_NET_PACKET_TOO_LARGE'

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
  const { errno = 0, message, sqlState = '' } = cause as Error & { errno?: number; sqlState?: string }
  const code = codeOf(cause) ?? ''
  if (DUPLICATES.includes(code)) {
    const error = new DuplicateKeyError('a row with the same key, or the same entry of a unique index', {
      cause,
    })
    return { error, isRepeatable: false, isConnectionLost: false }
  }
  if (CONFLICTS.includes(code)) {
    const error = new DatabaseConflictError(`others use the same rows: ${message}`, { cause })
    return { error, isRepeatable: true, isConnectionLost: false }
  }
  // Of the server: 1,000 and more. Of the system: below 0. Of the driver, and of our own deadline: none.
  const isConnectionLost = errno < 1_000 || ENDING.includes(errno) || NOT_WRITING.includes(code)
  // A server that leaves its cluster in the middle of COMMIT does not know what has become of it.
  const isCommitUnknown =
    (isConnectionLost && !NOT_WRITING.includes(code)) ||
    code === LEFT_ITS_CLUSTER ||
    INTERRUPTED.includes(errno)
  if (isCommitSent && isCommitUnknown) {
    const error = new CommitUnknownError(`no answer to COMMIT: ${message}`, { cause })
    return { error, isRepeatable: false, isConnectionLost: true }
  }
  if (BAD_ROW.test(sqlState) || code === PACKET_TOO_LARGE) {
    const error = new RowRefusedError(`the database does not take a row: ${message}`, { cause })
    // It closes the connection of what is too large.
    return { error, isRepeatable: false, isConnectionLost: code === PACKET_TOO_LARGE }
  }
  const error = new DatabaseUnavailableError(`the database cannot be read or written: ${message}`, { cause })
  return { error, isRepeatable: isConnectionLost, isConnectionLost }
}

/** The transaction failed in a statement, not in the operation itself. */
export class TransactionFailedError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.error.message, { cause: failure.error })
  }
}
