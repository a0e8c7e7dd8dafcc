/** How an actor carries out a call. Thread: storage. */
import { hasCode } from '../../src/errors/errors.js'
import { WireCode } from '../../src/openim/codes.js'
import type { Call, CallAnswer } from '../../src/protocol/operations.js'
import type { Delivery } from '../../src/rules/messages/types.js'
import type { Log, Outcome } from '../../src/runtime/index.js'
import { CallRefusedError } from '../../src/services/call-refused.js'
import type { OperationContext, OperationSettings } from '../../src/services/operations/operation.js'
import { carryOut, type OperationName } from '../../src/services/operations/table.js'
import type { Operation } from '../../src/store/ports/database.js'

/** What passes without anybody's doing. */
const PASSING = ['DATABASE_UNAVAILABLE', 'DATABASE_CONFLICT', 'COMMIT_UNKNOWN']

/** What came of a call. */
export interface CarriedOut {
  answer: CallAnswer
  deliveries: Delivery[]
  followUps: string[]
}

/** What operations are given by their thread. */
export interface OperationArgs {
  settings: OperationSettings
  /** The time of day. */
  wallMs(): number
  newId(): string
}

/** What a call does in the database. Throws CALL_REFUSED for what is the caller's, and then nothing is done. */
export function* operationOf(
  { operation, input, userId, isAdmin, operationId }: Call,
  { settings, wallMs, newId }: OperationArgs,
): Operation<CarriedOut> {
  const deliveries: Delivery[] = []
  const followUps: string[] = []
  const caller = { userId, isAdmin, operationId }
  const told: OperationContext['told'] = new Map()
  const context: OperationContext = { caller, nowMs: wallMs(), newId, settings, deliveries, followUps, told }
  const output = yield* carryOut(operation as OperationName, context, input)
  const answer: CallAnswer = { ok: true, output }
  if (told.size > 0) answer.told = [...told]
  return { answer, deliveries, followUps }
}

/** A call that was refused has been carried out: that is its answer. Throws any other error again. */
export function refusedCall(error: unknown): CarriedOut {
  if (!(error instanceof CallRefusedError)) throw error
  return {
    answer: { ok: false, errCode: error.errCode, detail: error.errDlt },
    deliveries: [],
    followUps: [],
  }
}

export function answerOf(outcome: Outcome<CarriedOut>, { operation }: Call, log: Log): CallAnswer {
  if (outcome.ok) return outcome.value.answer
  const { error } = outcome
  log.error({ operation, code: error.code, reason: error.message }, 'an operation failed')
  return PASSING.some((code) => hasCode(error, code))
    ? { ok: false, errCode: WireCode.DatabaseError, detail: 'the database is out of reach; try again later' }
    : { ok: false, errCode: WireCode.ServerInternalError, detail: 'internal error; see the log of the node' }
}
