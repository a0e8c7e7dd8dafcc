/**
 * Operations: the use cases of messages and people, each written once for every door. An operation is a function of who
 * asks and what, and yields the steps that it takes in the database; it runs on a storage thread, in one transaction.
 */
import type { RequestPagination } from '../../openim/proto/conversations.js'
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { Delivery } from '../../rules/messages/types.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { argsError, noPermissionError } from '../call-refused.js'

export interface Caller {
  userId: UserId
  isAdmin: boolean
  /** Of the request; what it causes to be pushed carries it too. */
  operationId: string
}

export interface OperationSettings {
  /** How long after it was sent a message may be revoked; 0 = always. */
  revokeLimitS: number
  /** Who may delete a message for all who have it. */
  deleteForAll: 'sender' | 'anyone' | 'nobody'
  /** What becomes of a request for friendship: the one who is asked decides, or all are accepted or refused. */
  friendPolicy: 'ask' | 'accept' | 'refuse'
  /** Members of one group. */
  groupMembersMax: number
  /** What a new member may read of what was said before. */
  newMemberHistory: 'all' | 'none'
}

/** What an operation knows beside its input. Made anew for each attempt at it. */
export interface OperationContext {
  caller: Caller
  /** Of the day, by the clock of the database. */
  nowMs: number
  /** A new ID, as of nothing else. */
  newId(): string
  settings: OperationSettings
  /** What is to be pushed once the operation is on disk. */
  deliveries: Delivery[]
  /** What follows once it is on disk: jobs that it has left in the table of follow-ups. */
  followUps: string[]
  /** How far the caller is told that conversations go, of those with a recent message. Absent = nobody needs it. */
  told?: Map<ConversationId, number>
}

export interface OperationRow<I = never, O = unknown> {
  /** A reader answers from one state of the database; only the writer may change it. */
  room: 'reader' | 'writer'
  /** Throws CallRefusedError. */
  run(context: OperationContext, input: I): Operation<O>
}

/** Gives a row its types; no other effect. */
export function operation<I, O>(
  room: OperationRow['room'],
  run: (context: OperationContext, input: I) => Operation<O>,
): OperationRow<I, O> {
  return { room, run }
}

/** Throws unless the caller is this user, or an administrator. */
export function assertSelf({ userId, isAdmin }: Caller, subject: UserId): void {
  if (!isAdmin && userId !== subject) {
    throw noPermissionError('only the user themselves or an administrator may ask for this')
  }
}

export function assertAdmin({ isAdmin }: Caller): void {
  if (!isAdmin) throw noPermissionError('only an administrator may ask for this')
}

const OPERATION_ID_LENGTH_MAX = 256

/** Throws when it is too long to be pushed to all who hear of the operation. */
export function assertOperationId(operationId: string): void {
  if (operationId.length > OPERATION_ID_LENGTH_MAX) {
    throw argsError(`operationID: at most ${OPERATION_ID_LENGTH_MAX} characters`)
  }
}

/** Throws when a list is longer than a request may have it. */
export function assertLength(name: string, length: number, max: number): void {
  if (length > max) throw argsError(`${name}: at most ${max}`)
}

/** Which elements of a list a page shows. Throws where it is no page, or larger than a request may have it. */
export function sliceOf(
  { pageNumber, showNumber }: RequestPagination,
  showMax: number,
): { offset: number; limit: number } {
  if (pageNumber < 1) throw argsError('pagination.pageNumber: expected 1 or more')
  assertLength('pagination.showNumber', showNumber, showMax)
  return { offset: (pageNumber - 1) * showNumber, limit: showNumber }
}

/** Of one conversation, for lists that clients send. */
export const SEQS_MAX = 1_000
/** Conversations that one request may name. */
export const CONVERSATIONS_MAX = 10_000
