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

/** What came of a call. */
export interface CarriedOut {
  answer: CallAnswer
  deliveries: Delivery[]
}

/** What operations are given by their thread. */
export interface OperationArgs {
  settings: OperationSettings
  /** The time of day. */
  wallMs(): number
  newId(): string
}

/** `carry`: the reads or the writes of a database. Rejects with what is not the caller's. */
export async function callOperation(
  carry: (begin: () => Operation<CarriedOut>) => Promise<CarriedOut>,
  { operation, input, userId, isAdmin, operationId }: Call,
  { settings, wallMs, newId }: OperationArgs,
): Promise<CarriedOut> {
  const nowMs = wallMs()
  try {
    return await carry(function* () {
      const deliveries: Delivery[] = []
      const caller = { userId, isAdmin, operationId }
      const told: OperationContext['told'] = new Map()
      const context: OperationContext = { caller, nowMs, newId, settings, deliveries, told }
      const output = yield* carryOut(operation as OperationName, context, input)
      const answer: CallAnswer = { ok: true, output }
      if (told.size > 0) answer.told = [...told]
      return { answer, deliveries }
    })
  } catch (error) {
    if (!(error instanceof CallRefusedError)) throw error
    return { answer: { ok: false, errCode: error.errCode, detail: error.errDlt }, deliveries: [] }
  }
}

export function answerOf(outcome: Outcome<CarriedOut>, { operation }: Call, log: Log): CallAnswer {
  if (outcome.ok) return outcome.value.answer
  const { error } = outcome
  log.error({ operation, code: error.code, reason: error.message }, 'an operation failed')
  return hasCode(error, 'DATABASE_UNAVAILABLE')
    ? { ok: false, errCode: WireCode.DatabaseError, detail: 'the database is out of reach; try again later' }
    : { ok: false, errCode: WireCode.ServerInternalError, detail: 'internal error; see the log of the node' }
}
