/**
 * A transaction that is done once, even if the answer to its commit is lost: it is looked up, and begun again where it was
 * not done. Thread: storage.
 *
 *     begin ─▶ COMMIT ─▶ answered                                    done
 *                     └▶ no answer ─▶ its row is there ─────────────▶ done, with what that attempt gave
 *                                  ├▶ its row can be made ─▶ begin again, with the same row
 *                                  ├▶ made meanwhile by the lost one ─▶ look again
 *                                  └▶ the database is away ─▶ look again after a pause; refused when time is up
 *
 * A commit without an answer may still be under way. It holds the lock on its row, so a look waits until it has ended.
 */
import { CommitUnknownError } from '../../../src/errors/errors.js'
import { hasCode, type Outcome } from '../../../src/runtime/index.js'
import { findCommit, keepOrder, markCommit } from '../../../src/services/messages/outbox.js'
import type { Operation } from '../../../src/store/ports/database.js'
import { onSpreadDone } from './outbox.js'
import {
  type Commit,
  type Ctx,
  type Private,
  type State,
  type Stored,
  TRY_UNTIL_MS,
  type Work,
} from './state.js'

/** Between two looks: doubled each time. */
const PAUSE_MIN_MS = 50
const PAUSE_MAX_MS = 1_000
/** What is there already is found by one more look, as long as callers wait. */
const LOOK_UNTIL_MS = 8_000
/** After these nothing was done by this attempt, and the next may succeed. */
const PASSING = ['DATABASE_UNAVAILABLE', 'DATABASE_CONFLICT', 'DUPLICATE_KEY']

export function commit<T extends Stored>(ctx: Ctx, state: State, work: Work<T>): void {
  const given = { sinceMs: ctx.nowMs(), looks: 0, isFound: false, createdMs: 0, results: new Map() }
  attempt(ctx, state, { ...work, ...given })
}

function attempt<T extends Stored>(ctx: Ctx, state: State, given: Commit<T>): void {
  const written = state.database.write(() => (state.marksCommits ? once(state, given) : given.begin()))
  ctx.pipe(given.recover === undefined ? written : written.catch(given.recover), (outcome) => ({
    kind: 'committed',
    commit: given as unknown as Commit,
    outcome,
  }))
}

function* once<T extends Stored>(state: State, given: Commit<T>): Operation<T> {
  const createdMs = Math.max(state.wallMs(), given.createdMs + 1)
  given.createdMs = createdMs
  if (given.looks > 0) {
    const done = given.results.get((yield* findCommit(given.orderId)) ?? 0)
    if (done !== undefined) {
      given.isFound = true
      return done
    }
  }
  yield* markCommit(given.orderId, createdMs)
  const result = yield* given.begin()
  if (state.messageSync !== undefined) yield* keepOrder(given.orderId, result.deliveries)
  given.results.set(createdMs, result)
  return result
}

export function onCommitted(
  ctx: Ctx,
  state: State,
  { commit: given, outcome }: Private & { kind: 'committed' },
): void {
  if (!outcome.ok && mayBeDone(given, outcome.error)) return lookAgain(ctx, state, given, outcome)
  // Nobody is to be told of it by its row.
  const isTold = outcome.ok && outcome.value.deliveries.length > 0 && state.messageSync !== undefined
  if (outcome.ok && state.marksCommits && !isTold) onSpreadDone(ctx, state, [given.orderId])
  if (given.looks > 0) state.counts.commitsLost[given.isFound ? 'found' : 'repeated']++
  given.done(outcome)
}

function mayBeDone({ looks }: Commit, error: Error): boolean {
  return hasCode(error, 'COMMIT_UNKNOWN') || (looks > 0 && PASSING.some((code) => hasCode(error, code)))
}

function lookAgain(ctx: Ctx, state: State, given: Commit, { error }: Outcome<Stored> & { ok: false }): void {
  const { looks, sinceMs } = given
  // An earlier attempt has made its row meanwhile: the next look finds it.
  const isThere = looks > 0 && hasCode(error, 'DUPLICATE_KEY')
  const pauseMs = looks === 0 || isThere ? 0 : Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** looks)
  const untilMs = sinceMs + (isThere ? LOOK_UNTIL_MS : TRY_UNTIL_MS)
  if (!state.marksCommits || ctx.nowMs() + pauseMs > untilMs) {
    state.counts.commitsLost.unknown++
    const unknown = looks === 0 ? error : new CommitUnknownError(error.message)
    return given.done({ ok: false, error: unknown })
  }
  given.looks++
  ctx.once('look', pauseMs, { kind: 'lookDue', commit: given })
}

export function onLookDue(ctx: Ctx, state: State, given: Commit): void {
  attempt(ctx, state, given)
}
