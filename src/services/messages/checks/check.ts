/**
 * Checks: what stands between a message that a user sends over a socket and its way to storage. Each lets the message go
 * on, as it is or changed, or refuses it; they run one after the other. Messages of administrators and of the server are
 * not checked.
 *
 * A check is a function of the message alone and runs on an io thread: it asks nobody, and is done within a fraction of a
 * millisecond. It never changes whom a message is from, or to.
 */
import type { WireCode } from '../../../openim/codes.js'
import type { MsgData } from '../../../openim/proto/messages.js'
import { CallRefusedError } from '../../call-refused.js'

export interface Refusal {
  kind: 'refused'
  errCode: WireCode
  /** For the client, in words. */
  detail: string
}

export interface MessageCheck {
  /** As metrics have it. */
  readonly name: string
  /** Its content is JSON. The same object = unchanged. */
  check(message: MsgData): MsgData | Refusal
}

/** What came of checks. */
export interface CheckCounts {
  /** Messages that a check changed, by its name. */
  checkChanges: Record<string, number>
  /** Messages that a check refused, by its name. */
  checkRefusals: Record<string, number>
}

/** The message as it goes on. Throws CALL_REFUSED. */
export function runChecks(message: MsgData, checks: readonly MessageCheck[], counts: CheckCounts): MsgData {
  let current = message
  for (const { name, check } of checks) {
    const outcome = check(current)
    if ('kind' in outcome) {
      count(counts.checkRefusals, name)
      throw new CallRefusedError(outcome.errCode, outcome.detail)
    }
    if (outcome !== current) count(counts.checkChanges, name)
    current = outcome
  }
  return current
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
