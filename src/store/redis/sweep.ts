/**
 * The sweep: withdraws the claims of a dead node, of all users on all masters.
 *
 * Nobody needs it to be right: a dead node's claims count nowhere. It is for readers of OpenIM's union, who do not
 * know of claims, and for the memory of Redis. So it takes its time: after each call it waits as long as the call took.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Cluster, type Redis } from 'ioredis'
import { StoreUnavailableError } from '../../errors/errors.js'
import type { Holder, UserId } from '../../rules/types.js'
import type { Keys } from './keys.js'
import { defineScripts, findHeld, runScript } from './scripts/scripts.js'

/** Keys looked at in one call: about a millisecond of Redis. */
const PAGE = 500

export interface Sweep {
  client: Redis | Cluster
  keys: Keys
  dead: Holder
  /** Withdraw what the dead node holds of these users. At most PAGE, about. */
  withdraw(userIds: UserId[]): Promise<void>
  isStopped(): boolean
}

/** Returns the number of users. Rejects with STORE_UNAVAILABLE when it cannot go on. */
export async function sweep(task: Sweep): Promise<number> {
  const { client, dead } = task
  const masters = client instanceof Cluster ? client.nodes('master') : [client]
  const counts = await Promise.all(masters.map((master) => sweepMaster(task, master)))
  await client.zrem(task.keys.sweeps(), dead)
  return counts.reduce((sum, count) => sum + count, 0)
}

async function sweepMaster({ keys, dead, withdraw, isStopped }: Sweep, master: Redis): Promise<number> {
  defineScripts(master)
  let cursor = '0'
  let count = 0
  do {
    if (isStopped()) throw new StoreUnavailableError('The store was closed during a sweep.')
    const beganMs = performance.now()
    const page = (await runScript(master, findHeld(keys, cursor, PAGE, dead))) as Buffer[]
    const [next, ...userIds] = page.map(String)
    if (userIds.length > 0) await withdraw(userIds)
    count += userIds.length
    cursor = next!
    await pause(performance.now() - beganMs)
  } while (cursor !== '0')
  return count
}
