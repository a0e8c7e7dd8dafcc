/**
 * Kicks by hand: logins of a user end on every node that holds them, and the caller hears when all have confirmed, or
 * which have not. The same question with nobody meant lists the user's logins.
 */
import { KickUnconfirmedError } from '../../../src/errors/errors.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import { OLD } from '../../../src/rules/presence/roster.js'
import { nodeOfHolder } from '../../../src/rules/presence/watch-index.js'
import type { Holder, Snapshot } from '../../../src/rules/types.js'
import type { ReplyTo } from '../../../src/runtime/index.js'
import { carryOut, forgetOrders, holdersElsewhere, send } from './evictions.js'
import { type Ctx, flushSoon, type Kick, type State } from './state.js'

/** A kick takes a number as a login does: who comes after it stays. */
export function onKick(ctx: Ctx, state: State, { eviction, timeoutMs }: PresenceShard.Kick): void {
  const kick: Kick = {
    id: ++state.lastId,
    replyTo: ctx.replyTo as ReplyTo<PresenceShard.KickOutcome>,
    eviction,
    result: { gone: 0, left: [] },
    unanswered: undefined,
  }
  state.kicks.set(kick.id, kick)
  state.contested.set(eviction.userId, 'wanted')
  state.asserts.add(eviction.userId, ctx.nowMs())
  ctx.once(`kick ${kick.id}`, timeoutMs, { kind: 'kickDue', id: kick.id })
  flushSoon(ctx, state)
}

/** The store has given a kick its number, and said who holds the user. */
export function startKicks(ctx: Ctx, state: State, { userId, claims }: Snapshot, version: number): void {
  for (const kick of state.kicks.values()) {
    if (kick.eviction.userId !== userId || kick.unanswered !== undefined) continue
    // A login that got its number with this one came before it was known.
    const eviction = { ...kick.eviction, before: isListing(kick) ? OLD : version + 1 }
    // Others first: the flags that follow from the kick here would else overtake it, and end what it should count.
    kick.unanswered = holdersElsewhere(state, claims, undefined)
    for (const to of kick.unanswered) send(ctx, state, { to, eviction, kick })
    const { gone, left } = carryOut(ctx, state, eviction)
    kick.result.gone += gone
    kick.result.left.push(...left)
    answerKick(ctx, state, kick)
  }
}

export function onKickAnswered(
  ctx: Ctx,
  state: State,
  kick: Kick,
  from: Holder,
  { gone, left }: PresenceShard.Kicked,
): void {
  kick.result.gone += gone
  kick.result.left.push(...left)
  kick.unanswered?.delete(from)
  answerKick(ctx, state, kick)
}

/** Nobody is meant: the caller only wants to know who is there. */
function isListing({ eviction }: Kick): boolean {
  return eviction.platformIds?.length === 0
}

function answerKick(ctx: Ctx, state: State, kick: Kick): void {
  if (kick.unanswered === undefined || kick.unanswered.size > 0) return
  endKick(ctx, state, kick)
  ctx.reply(kick.replyTo, { ...kick.result, unanswered: [] })
}

export function onKickDue(ctx: Ctx, state: State, id: number): void {
  const kick = state.kicks.get(id)
  if (kick === undefined) return
  endKick(ctx, state, kick)
  if (kick.unanswered === undefined) {
    return ctx.fail(kick.replyTo, new KickUnconfirmedError('the store did not answer in time'))
  }
  // What is known is of use all the same.
  const unanswered = [...kick.unanswered].map(nodeOfHolder).sort()
  ctx.reply(kick.replyTo, { ...kick.result, unanswered })
}

function endKick(ctx: Ctx, state: State, kick: Kick): void {
  state.kicks.delete(kick.id)
  ctx.cancel(`kick ${kick.id}`)
  forgetOrders(ctx, state, (order) => order.kick === kick)
}
