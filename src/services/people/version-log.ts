/**
 * Versioned lists: a client says which version of a list it has, and is told what changed since. Of each element only the
 * last change is kept, so an element that came after the client's version and was changed later is an update.
 */
import { randomBytes } from 'node:crypto'
import { hashOf } from '../../rules/hash.js'
import { bucketOfUser, byOwner } from '../../rules/messages/bucket.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { findMany, findOne, lock, put, scan } from '../../store/ports/steps.js'
import { versionLog, versions } from '../../store/schema/tables.js'

/** Which list of an owner. */
export const List = { Conversations: 1, Friends: 2, JoinedGroups: 3, Members: 4 } as const
export type List = (typeof List)[keyof typeof List]

/** OpenIM's numbers of what happened to an element. */
export const ChangeState = { Insert: 1, Delete: 2, Update: 3 } as const
export type ChangeState = (typeof ChangeState)[keyof typeof ChangeState]

/** More changes than this are not told one by one: the client reads the whole list. */
const CHANGES_MAX = 200
const VERSION_ID_BYTES = 12

export interface VersionHead {
  version: number
  versionId: string
}

export interface Changes extends VersionHead {
  /** The client has to read the whole list; the other lists are empty then. */
  isFull: boolean
  inserted: string[]
  updated: string[]
  deleted: string[]
  /** The version that changed the order of the list, if it is among these; else 0. */
  orderVersion: number
}

/** In place of an element: the order of the list has changed. */
export const ORDER = '____S_O_R_T_I_D____'

/**
 * Nobody else changes these lists before the transaction is over. To be taken before what the change depends on is read.
 */
export function* lockLists(list: List, ownerIds: readonly string[]): Operation<void> {
  yield* lockHeads(list, [...new Set(ownerIds)])
}

function* lockHeads(list: List, ownerIds: readonly string[]): Operation<RowOf<typeof versions>[]> {
  const heads = ownerIds.map((ownerId) => ({
    bucket: bucketOfUser(ownerId),
    ownerId,
    list,
    ...firstHead(list, ownerId),
  }))
  return heads.length === 0 ? [] : yield* lock(versions, heads.sort(byOwner))
}

/** Raise the version of a list by one, for changes of these elements. */
export function* bump(
  list: List,
  ownerId: string,
  elements: readonly string[],
  state: ChangeState,
): Operation<VersionHead> {
  const [raised] = yield* raiseAll(list, [ownerId], elements, state)
  return raised!
}

/** The same for the lists of several owners, an element each: as many statements as for one. */
export function* bumpEach(
  list: List,
  ownerIds: readonly string[],
  elementId: string,
  state: ChangeState,
): Operation<void> {
  yield* raiseAll(list, ownerIds, [elementId], state)
}

function* raiseAll(
  list: List,
  ownerIds: readonly string[],
  elements: readonly string[],
  state: ChangeState,
): Operation<VersionHead[]> {
  const raised = (yield* lockHeads(list, ownerIds)).map((head) => ({ ...head, version: head.version + 1 }))
  yield* put(versions, raised)
  yield* put(
    versionLog,
    raised.flatMap(({ bucket, ownerId, version }) =>
      elements.map((elementId) => ({ bucket, ownerId, list, elementId, state, version })),
    ),
  )
  return raised
}

/** Whether any of these was an element of the list before. */
export function* wereListed(list: List, ownerId: string, elements: readonly string[]): Operation<boolean> {
  const bucket = bucketOfUser(ownerId)
  const found = yield* findMany(
    versionLog,
    elements.map((elementId) => [bucket, ownerId, list, elementId]),
    { columns: ['state'] },
  )
  return found.some((entry) => entry !== undefined)
}

/** The head of a list. */
export function* headOf(list: List, ownerId: string): Operation<VersionHead> {
  return (yield* findOne(versions, bucketOfUser(ownerId), ownerId, list)) ?? firstHead(list, ownerId)
}

/** What changed since the version that the client has. */
export function* changesSince(list: List, ownerId: string, known: VersionHead): Operation<Changes> {
  const head = yield* headOf(list, ownerId)
  const none = {
    version: head.version,
    versionId: head.versionId,
    inserted: [],
    updated: [],
    deleted: [],
    orderVersion: 0,
  }
  const isKnown = known.version > 0 && known.versionId === head.versionId && known.version <= head.version
  if (!isKnown) return { ...none, isFull: true }
  if (known.version === head.version) return { ...none, isFull: false }
  const entries = yield* scan(versionLog, [bucketOfUser(ownerId), ownerId, list], {
    order: 'byVersion',
    from: known.version + 1,
    limit: CHANGES_MAX + 1,
  })
  if (entries.length > CHANGES_MAX) return { ...none, isFull: true }
  return {
    ...none,
    isFull: false,
    inserted: idsOf(entries, ChangeState.Insert),
    updated: idsOf(entries, ChangeState.Update),
    deleted: idsOf(entries, ChangeState.Delete),
    orderVersion: entries.find(({ elementId }) => elementId === ORDER)?.version ?? 0,
  }
}

function idsOf(entries: RowOf<typeof versionLog>[], state: ChangeState): string[] {
  return entries
    .filter((entry) => entry.state === state && entry.elementId !== ORDER)
    .map(({ elementId }) => elementId)
}

/** For a list whose versions do not go on from those that clients know. Of the form of OpenIM's IDs. */
export function newVersionId(): string {
  return randomBytes(VERSION_ID_BYTES).toString('hex')
}

/** Of a list that never changed. It need not be stored: it is always the same. Its ID has 24 hexadecimal digits, as OpenIM's. */
function firstHead(list: List, ownerId: string): VersionHead {
  const digest = hashOf('sha256', `${list}:${ownerId}`)
  return { version: 1, versionId: digest.subarray(0, VERSION_ID_BYTES).toString('hex') }
}
