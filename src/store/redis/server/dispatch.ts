/**
 * A call about many users: to each master the users that it serves, and the replies back in order.
 *
 * A group whose route was wrong (a slot moved, a fail-over) is sent again one by one after the slot table was read
 * anew: each user's own keys then route it, and the client follows MOVED and ASK. What was applied already is
 * applied once more, which is harmless for every script here. Users whose slot no master serves fail at once: their
 * neighbours neither fail nor wait with them.
 */
import { StoreUnavailableError } from '../../../errors/errors.js'
import { reasonOf } from '../../../errors/reason.js'
import type { UserId } from '../../../rules/types.js'
import { userIdProblem } from '../../shared/names.js'
import { isUnserved, type Router } from './routing.js'

/** One user's reply, or why there is none; `isAway`: nothing is wrong with the user, their master did not answer. */
export type Reply<R> = { ok: true; reply: R } | { ok: false; error: string; isAway?: true }

/** Send some users, all served by one master, at least one; per user in order its reply or a text why it failed. */
type Send<T, R> = (items: T[]) => Promise<(R | string)[]>

interface Task<T> {
  index: number
  item: T
}

/**
 * Replies in the order of `items`. `keyOf`: a key in the slot of what the item is about. Rejects with
 * STORE_UNAVAILABLE only when a master is away and no other has served anybody; else a master that is away fails its
 * own users, and so does a slot without a route.
 */
export async function dispatch<T, R>(
  router: Router,
  items: readonly T[],
  userIdOf: (item: T) => UserId,
  keyOf: (item: T) => string,
  send: Send<T, R>,
): Promise<Reply<R>[]> {
  const replies = new Array<Reply<R>>(items.length)
  const tasks: Task<T>[] = []
  for (const [index, item] of items.entries()) {
    const problem = userIdProblem(userIdOf(item))
    if (problem === undefined) tasks.push({ index, item })
    else replies[index] = { ok: false, error: problem }
  }
  let served = false
  let awayError: string | undefined

  /** Returns those whose route was wrong. */
  async function attempt(group: Task<T>[]): Promise<Task<T>[]> {
    const misrouted: Task<T>[] = []
    try {
      const answers = await send(group.map((task) => task.item))
      served = true
      for (const [i, task] of group.entries()) {
        const reply = answers[i]!
        replies[task.index] = typeof reply === 'string' ? { ok: false, error: reply } : { ok: true, reply }
        if (typeof reply === 'string' && router.isMisrouted(reply)) misrouted.push(task)
      }
      return misrouted
    } catch (error) {
      const text = reasonOf(error)
      if (isUnserved(text)) {
        // The keys of the first routed the call.
        router.noteUnserved(keyOf(group[0]!.item))
        for (const task of group) replies[task.index] = { ok: false, error: text }
        return group
      }
      for (const task of group) replies[task.index] = { ok: false, error: text, isAway: true }
      if (router.isMisrouted(text)) return group
      awayError = text
      return []
    }
  }

  /** By master. Those whose slot none serves fail here. */
  function route(group: Task<T>[]): Task<T>[][] {
    const { groups, unserved } = router.route(group, (task) => keyOf(task.item))
    for (const { index } of unserved) {
      replies[index] = { ok: false, error: 'no master of the Cluster serves this slot' }
    }
    return groups
  }

  async function deliver(group: Task<T>[]): Promise<void> {
    const misrouted = await attempt(group)
    if (misrouted.length === 0) return
    await router.refresh()
    await Promise.all(route(misrouted).flatMap((tasks) => tasks.map((task) => attempt([task]))))
  }

  await Promise.all(route(tasks).map(deliver))
  if (!served && awayError !== undefined) throw new StoreUnavailableError(awayError)
  return replies
}
