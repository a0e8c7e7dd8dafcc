/** What the message-writer owns, what it sends itself, and the turns that its work takes. Thread: storage. */
import type * as Deliveries from '../../../src/protocol/deliveries.js'
import type * as MessageSync from '../../../src/protocol/message-sync.js'
import type * as MessageWriter from '../../../src/protocol/message-writer.js'
import type { Call, CallAnswer } from '../../../src/protocol/operations.js'
import type { Delivery, SendOutcome } from '../../../src/rules/messages/types.js'
import type { Context, Outcome, Ref, ReplyTo } from '../../../src/runtime/index.js'
import type { Budget, Cursor, Slice } from '../../../src/services/housekeeping/slice.js'
import type { OperationContext } from '../../../src/services/operations/operation.js'
import type { Database, Operation } from '../../../src/store/ports/database.js'
import type { OperationArgs } from '../carry-out.js'

export interface WriterCounts {
  /** Messages that were stored or only pushed; the same one again does not count. */
  messagesSent: number
  /** By error code. */
  messagesRefused: Record<string, number>
  /** Messages that had come before. */
  messagesRepeated: number
  /** Messages that were deleted by age. */
  messagesExpired: number
  /** Times that messages of a conversation vanished for a user, after the user's time. */
  destructs: number
  /** Commits whose answer was lost, by what a look has shown: done, not done and done again, or nothing in time. */
  commitsLost: Record<'found' | 'repeated' | 'unknown', number>
  /** Called with how long a commit took, and how many messages it held. */
  committed(seconds: number, messages: number): void
  /** Called with how long a slice of a job took. */
  housekept(seconds: number): void
}

export interface Args extends OperationArgs {
  database: Database
  deliveries: readonly Ref<Deliveries.Command>[]
  /** Undefined where no other nodes are. */
  messageSync: Ref<MessageSync.Command> | undefined
  /** The database is a server, so the answer to a commit may be lost. */
  marksCommits: boolean
  /** Messages are deleted when they are older; 0 = never. */
  retentionDays: number
  counts: WriterCounts
}

/** Messages, and calls, that wait for their turn: about two seconds of them. */
export const WAITING_MAX = 20_000
export const BUSY_TEXT = 'too much waits for the database; try again later'

/** Callers wait for 8 s: an attempt that begins later than this is of no use to them. */
export const TRY_UNTIL_MS = 6_000

export interface Waiting {
  question: MessageWriter.Send
  replyTo: ReplyTo<SendOutcome>
  /** When it came. */
  sinceMs: number
}

export interface WaitingCall {
  call: Call
  replyTo: ReplyTo<CallAnswer>
}

/** What a transaction gives when it is on disk. */
export interface Stored {
  deliveries: Delivery[]
}

/** What is to be done once. */
export interface Work<T extends Stored> {
  orderId: string
  begin: () => Operation<T>
  /** What an error means that ends the operation; throws it again where it means nothing else. */
  recover?: (error: unknown) => T
  done(outcome: Outcome<T>): void
}

/** A transaction on its way to the disk; see `commits.ts`. */
export interface Commit<T extends Stored = Stored> extends Work<T> {
  sinceMs: number
  /** How often it was looked up. */
  looks: number
  /** A look has found it done. */
  isFound: boolean
  /** When the last attempt began; no other one has the same. */
  createdMs: number
  /** What the attempts gave that came to their commit, by when they began. */
  results: Map<number, T>
}

/** A transaction that nobody has asked for, and what follows from it. */
export interface Chore {
  begin: () => Operation<unknown>
  done(outcome: Outcome<unknown>): void
}

/** Work that goes through a table now and then. */
export interface Job {
  name: string
  isOn(state: State): boolean
  slice(state: State, pass: Pass, budget: Budget): Operation<Slice>
}

/** A job on its way through its table. */
export interface Pass {
  job: Job
  cursor: Cursor
  /** The time of day when it began: what is old is so for the whole pass. */
  nowMs: number
  claimedMs: number
  /** Time that its slices took. */
  spentMs: number
  /** Since when its next slice gives way. */
  readyMs: number
}

export interface State extends Args {
  waiting: Waiting[]
  calls: WaitingCall[]
  /** Halves of a batch that failed: one of its messages may fail alone. They go before all others. */
  halves: Waiting[][]
  /** What the writer does on its own account, a slice each. */
  chores: Chore[]
  /** Orders of the outbox that are done, and still to be removed. */
  doneOrders: string[]
  /** A transaction is under way, or its turn has been asked for. */
  isBusy: boolean
  /** Which of the queues comes first in the next turn: they take turns. */
  nextQueue: number
  /** Letters that a link refused, by their receiver's thread, in order. */
  untold: Map<Ref<Deliveries.Command>, Delivery[][]>
  /** Follow-ups that are under way here. */
  followUps: Set<string>
  /** Jobs that are under way. They go one after the other. */
  passes: Pass[]
}

export type Private =
  | { kind: 'turn' }
  | { kind: 'committed'; commit: Commit; outcome: Outcome<Stored> }
  | { kind: 'lookDue'; commit: Commit }
  | { kind: 'choreDone'; chore: Chore; outcome: Outcome<unknown> }
  | { kind: 'retellDue' }
  | { kind: 'dropDue' }
  | { kind: 'janitorDue' }
  | { kind: 'housekeepingDue' }
  | { kind: 'sliceDue' }
  | { kind: 'followUpsDue' }

export type Ctx = Context<MessageWriter.Command | Private>

/** For what the writer does on its own account. */
export function ownContext({ settings, newId }: State, nowMs: number): OperationContext {
  const caller = { userId: '', isAdmin: true, operationId: newId() }
  return { caller, nowMs, newId, settings, deliveries: [], followUps: [] }
}

/** The turn is a message of its own, so that all that wait in the mailbox now share it. */
export function wake(ctx: Ctx, state: State): void {
  if (state.isBusy) return
  state.isBusy = true
  ctx.tell(ctx.self, { kind: 'turn' })
}

/** A transaction is over. */
export function next(ctx: Ctx, state: State): void {
  state.isBusy = false
  if (hasMessages(state) || state.calls.length > 0 || state.chores.length > 0) wake(ctx, state)
}

export function hasMessages({ halves, waiting }: State): boolean {
  return halves.length > 0 || waiting.length > 0
}
