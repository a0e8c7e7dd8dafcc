/**
 * Message-reader: answers what only reads, each call from one state of the database.
 *
 * Thread  storage                     Owns   a connection to the database that only reads; checkpoints of a file
 * Hears   MessageReader.Command       Tells  nobody
 * Timers  none
 * Fails   restarts; callers ask again
 */
import type * as MessageReader from '../../src/protocol/message-reader.js'
import type { Call, CallAnswer } from '../../src/protocol/operations.js'
import {
  assertNever,
  type Context,
  defineActor,
  type Outcome,
  type ReplyTo,
} from '../../src/runtime/index.js'
import { membersSince, ownGroups } from '../../src/services/groups/audience.js'
import { missedDeliveries } from '../../src/services/messages/missed.js'
import type { Database } from '../../src/store/ports/database.js'
import { answerOf, type CarriedOut, type OperationArgs, operationOf, refusedCall } from './carry-out.js'

export interface ReaderCounts {
  reads: number
  /** Times that messages did not come to an io thread and were read. */
  missedReads: number
}

export interface Args extends OperationArgs {
  database: Database
  /** Move the log of the embedded database into its file; nothing is to be done for a server. */
  checkpoint: () => void
  counts: ReaderCounts
}

type Private = { kind: 'answered'; call: Call; replyTo: ReplyTo<CallAnswer>; outcome: Outcome<CarriedOut> }
type Ctx = Context<MessageReader.Command | Private>

export const messageReader = defineActor<MessageReader.Command | Private, Args, Args>({
  kind: 'message-reader',
  start: (_, args) => args,
  receive,
})

// Routing

function receive(ctx: Ctx, state: Args, message: MessageReader.Command | Private): void {
  switch (message.kind) {
    case 'call':
      return onCall(ctx, state, message)
    case 'readMissed':
      return onReadMissed(ctx, state, message)
    case 'readGroups':
      return ctx.replyWith(
        ctx.asker(message),
        state.database.read(() => ownGroups(message.userId)),
      )
    case 'readMembers':
      return ctx.replyWith(
        ctx.asker(message),
        state.database.read(() => membersSince(message.groupId, message.since)),
      )
    case 'logGrown':
      return state.checkpoint()
    case 'answered':
      return ctx.reply(message.replyTo, answerOf(message.outcome, message.call, ctx.log))
    default:
      assertNever(message)
  }
}

// Handlers

function onReadMissed(ctx: Ctx, { database, counts }: Args, question: MessageReader.ReadMissed): void {
  const { conversationId, from, to } = question
  counts.missedReads++
  ctx.replyWith(
    ctx.asker(question),
    database.read(() => missedDeliveries(conversationId, from, to)),
  )
}

function onCall(ctx: Ctx, state: Args, call: Call): void {
  const replyTo = ctx.asker(call)
  state.counts.reads++
  ctx.pipe(state.database.read(() => operationOf(call, state)).catch(refusedCall), (outcome) => ({
    kind: 'answered',
    call,
    replyTo,
    outcome,
  }))
}
