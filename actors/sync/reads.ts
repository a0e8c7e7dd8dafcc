/** Who is online, asked of the store: many questions of one turn become one call. */
import type { Snapshot, UserId } from '../../src/presence/types.js'
import type * as Sync from '../../src/protocol/sync.js'
import type { Outcome, ReplyTo } from '../../src/runtime/index.js'
import { filterAll } from './lease.js'
import { askStore, type Ctx, type State } from './state.js'

/** What the store takes in one call. */
const USERS_MAX = 1_000

export interface Reading {
  replyTo: ReplyTo<Snapshot[]>
  userIds: UserId[]
}

export type FromReads =
  | { kind: 'readDue' }
  | { kind: 'found'; readings: Reading[]; outcome: Outcome<Snapshot[]> }

export function onRead(ctx: Ctx, state: State, { userIds }: Sync.Read): void {
  if (state.readings.length === 0) ctx.tell(ctx.self, { kind: 'readDue' })
  state.readings.push({ replyTo: ctx.replyTo as ReplyTo<Snapshot[]>, userIds })
}

export function onReadDue(ctx: Ctx, state: State): void {
  const readings = state.readings
  state.readings = []
  const userIds = [...new Set(readings.flatMap((reading) => reading.userIds))]
  const calls: Promise<Snapshot[]>[] = []
  for (let at = 0; at < userIds.length; at += USERS_MAX) {
    const some = userIds.slice(at, at + USERS_MAX)
    calls.push(askStore(state, (store) => store.read(some)))
  }
  ctx.pipe(
    Promise.all(calls).then((lists) => lists.flat()),
    (outcome) => ({ kind: 'found', readings, outcome }),
  )
}

export function onFound(ctx: Ctx, state: State, readings: Reading[], outcome: Outcome<Snapshot[]>): void {
  if (!outcome.ok) {
    for (const { replyTo } of readings) ctx.fail(replyTo, outcome.error)
    return
  }
  const found = new Map(filterAll(ctx, state, outcome.value).map((snapshot) => [snapshot.userId, snapshot]))
  for (const { replyTo, userIds } of readings) {
    ctx.reply(
      replyTo,
      userIds.flatMap((userId) => found.get(userId) ?? []),
    )
  }
}
