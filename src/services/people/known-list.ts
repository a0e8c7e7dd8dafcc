/** What clients are told of a versioned list: what changed since the version that they know, or which IDs it has. */
import type { Operation } from '../../store/ports/database.js'
import { idHashOf } from './id-hash.js'
import { type Changes, changesSince, headOf, type List } from './version-log.js'

export interface Incremental<T> {
  version: number
  versionID: string
  full: boolean
  delete: string[] | null
  insert: T[] | null
  update: T[] | null
}

/** `infosOf`: of elements by their IDs, without those that are gone. */
export function* incremental<T>(
  list: List,
  ownerId: string,
  known: { version: number; versionID: string },
  infosOf: (ids: readonly string[]) => Operation<T[]>,
): Operation<{ answer: Incremental<T>; changes: Changes }> {
  const changes = yield* changesSince(list, ownerId, { version: known.version, versionId: known.versionID })
  const head = { version: changes.version, versionID: changes.versionId }
  if (changes.isFull)
    return { answer: { ...head, full: true, delete: null, insert: null, update: null }, changes }
  const answer = {
    ...head,
    full: false,
    delete: changes.deleted,
    insert: yield* infosOf(changes.inserted),
    update: yield* infosOf(changes.updated),
  }
  return { answer, changes }
}

/** `ids`: null where the client has the same. */
export function* idsOrEqual(
  list: List,
  ownerId: string,
  ids: string[],
  idHash: number | undefined,
): Operation<{ version: number; versionID: string; equal: boolean; ids: string[] | null }> {
  const { version, versionId } = yield* headOf(list, ownerId)
  // As JSON has it: the hash has more bits than a number keeps.
  const equal = Number(idHashOf(ids)) === idHash
  return { version, versionID: versionId, equal, ids: equal ? null : ids }
}
