/** One-for-one supervision: what becomes of an actor, or of a thread, that failed. Pure. */

/**
 * `restart`: fresh state after a delay that doubles from `backoffMinMs` to `backoffMaxMs` (with up to 20 % jitter),
 * and starts over after `calmMs` without a failure. `stop`: the actor ends. `escalate`: its thread ends.
 * More than `restartsMax` restarts without `calmMs` between them escalate.
 */
export interface Supervision {
  readonly directive: 'restart' | 'stop' | 'escalate'
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  readonly calmMs: number
  readonly restartsMax: number
}

export const restartWithBackoff: Supervision = {
  directive: 'restart',
  backoffMinMs: 20,
  backoffMaxMs: 5_000,
  calmMs: 30_000,
  restartsMax: 20,
}

export const stopOnFailure: Supervision = { ...restartWithBackoff, directive: 'stop' }

/** Failures in a row, and when the last one was. Start from `noFailures`. */
export interface FailureRecord {
  readonly inARow: number
  readonly lastMs: number
}

export const noFailures: FailureRecord = { inARow: 0, lastMs: Number.NEGATIVE_INFINITY }

export type Verdict =
  | { directive: 'stop' | 'escalate'; record: FailureRecord }
  | { directive: 'restart'; record: FailureRecord; delayMs: number }

/** Judge one more failure. `random` in [0, 1). */
export function judge(rule: Supervision, record: FailureRecord, nowMs: number, random: number): Verdict {
  const inARow = nowMs - record.lastMs >= rule.calmMs ? 1 : record.inARow + 1
  const next = { inARow, lastMs: nowMs }
  if (rule.directive !== 'restart') return { directive: rule.directive, record: next }
  if (inARow > rule.restartsMax) return { directive: 'escalate', record: next }
  const backoffMs = Math.min(rule.backoffMaxMs, rule.backoffMinMs * 2 ** (inARow - 1))
  return { directive: 'restart', record: next, delayMs: backoffMs * (1 + random * 0.2) }
}
