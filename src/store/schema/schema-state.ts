/**
 * The row that says which schema the database has, and who is changing it. A program may run on a schema that is newer
 * than it knows, as long as it knows `minProgram`.
 */
import type { Operation, RowOf } from '../ports/database.js'
import { defineTable, findOne, id, int, lock, raise, text, update } from '../ports/steps.js'

/**
 * `version`: the last migration that is done. `minProgram`: the least that a program must know to run. `holder`, '' =
 * nobody, may migrate until `untilMs` by the clock of the database. `progress`: how far the next migration has come, as
 * JSON, or ''.
 */
export const schemaStates = defineTable(
  'schemaState',
  { bucket: int, version: int, minProgram: int, holder: id, untilMs: int, progress: text },
  ['bucket'],
)

export type SchemaState = RowOf<typeof schemaStates>

/** How far a migration has come: so many of its steps are done, and of the next one all before `position`. */
export interface Progress {
  step: number
  position?: readonly (string | number)[]
}

/** Where a database is split, each part has a schema of its own. */
const BUCKET = 0
/** Of a database that no program has migrated, or only one from before there were migrations. */
export const NO_MIGRATION: SchemaState = {
  bucket: BUCKET,
  version: 0,
  minProgram: 0,
  holder: '',
  untilMs: 0,
  progress: '',
}

export function* findState(): Operation<SchemaState> {
  return (yield* findOne(schemaStates, BUCKET)) ?? NO_MIGRATION
}

/** The state, whose holder is the caller if nobody else is. */
export function* takeLease(holder: string, nowMs: number, untilMs: number): Operation<SchemaState> {
  const [state] = yield* lock(schemaStates, [NO_MIGRATION])
  if (state!.holder !== '' && state!.holder !== holder && state!.untilMs > nowMs) return state!
  yield* change({ holder, untilMs })
  return { ...state!, holder, untilMs }
}

/** Whether the caller still has the lease; nobody takes it before the transaction is over. */
export function* holdLease(holder: string): Operation<boolean> {
  const [state] = yield* lock(schemaStates, [NO_MIGRATION])
  return state!.holder === holder
}

/** In a transaction that holds the lease. */
export function* renewLease(untilMs: number): Operation<void> {
  yield* change({ untilMs })
}

/** In a transaction that holds the lease. */
export function* noteProgress(progress: Progress): Operation<void> {
  yield* change({ progress: JSON.stringify(progress) })
}

/** In a transaction that holds the lease: from now on older programs do not start. */
export function* noteMinProgram(minProgram: number): Operation<void> {
  yield* raise(schemaStates, [{ key: [BUCKET], set: { minProgram } }])
}

/** In a transaction that holds the lease: a migration is done. */
export function* noteDone(version: number): Operation<void> {
  yield* change({ version, progress: '' })
}

/** In a transaction that holds the lease. */
export function* giveLeaseUp(): Operation<void> {
  yield* change({ holder: '', untilMs: 0 })
}

export function progressOf({ progress }: SchemaState): Progress {
  return progress === '' ? { step: 0 } : (JSON.parse(progress) as Progress)
}

function* change(set: Partial<SchemaState>): Operation<void> {
  yield* update(schemaStates, [{ key: [BUCKET], set }])
}
