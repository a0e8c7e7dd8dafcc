/** Assertions on their way to Redis: to each master those of its users, and the news of what they changed. */
import type { Cluster, Redis } from 'ioredis'
import { encodeChange } from '../../protocol/node/changes.js'
import type { Assertion, AssertOutcome, Holder, Snapshot } from '../../rules/types.js'
import type { Keys } from './keys.js'
import { Outgoing } from './node-channel.js'
import * as scripts from './scripts/scripts.js'
import { dispatch } from './server/dispatch.js'
import type { Router } from './server/routing.js'

export interface Recording {
  client: Redis | Cluster
  router: Router
  keys: Keys
  holder: Holder
  presenceTtlS: number
  openimCompat: boolean
  /** The script tells the nodes that watch; else `publish` does. */
  tellsNodes: boolean
  /** Called as soon as a master has answered: another that is away must not hold up this one's news. */
  publish(outgoing: Outgoing): void
}

/** Outcomes in the order of the batch. Rejects with STORE_UNAVAILABLE when nothing of it could be recorded. */
export async function record(batch: readonly Assertion[], recording: Recording): Promise<AssertOutcome[]> {
  const { client, router, keys, holder, publish } = recording
  type Change = scripts.ChangedReply | scripts.AloneReply
  const snapshots = new Map<Change, Snapshot>()
  const replies = await dispatch<Assertion, number | Change>(
    router,
    batch,
    (assertion) => assertion.userId,
    (assertion) => keys.online(assertion.userId),
    async (group) => {
      const [packed] = await Promise.all([
        scripts.runScript(client, scripts.assertPresence(group, recording)),
        group[0]!.seats !== undefined && keepSeats(group, recording),
      ])
      const answers = scripts.decodeReplies<number | Change>(packed)
      const outgoing = new Outgoing('changes')
      for (const [i, answer] of answers.entries()) {
        if (typeof answer !== 'object') continue
        const snapshot = scripts.decodeChange(group[i]!, holder, answer)
        snapshots.set(answer, snapshot)
        if (!scripts.isAlone(answer) && answer[2].length > 0) outgoing.add(encodeChange(snapshot), answer[2])
      }
      publish(outgoing)
      return answers
    },
  )
  return batch.map(({ userId }, i): AssertOutcome => {
    const reply = replies[i]!
    if (!reply.ok) return { ...reply, userId }
    if (typeof reply.reply === 'number') return { ok: true, userId, version: reply.reply }
    const changed = snapshots.get(reply.reply)!
    return { ok: true, userId, version: changed.version, changed }
  })
}

/** Rejects when no user of the group was served. A single user who was not keeps their seats until these expire. */
async function keepSeats(
  group: Assertion[],
  { client, keys, holder, presenceTtlS }: Recording,
): Promise<void> {
  await scripts.runScript(client, scripts.keepSeats(keys, group, holder, presenceTtlS))
}
