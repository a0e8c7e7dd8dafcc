/** Snapshots without the claims of dead nodes. Thread: sync. */
import type { Whereabouts } from '../../../src/rules/types.js'
import type { Ctx, State } from './state.js'

/**
 * To be called in the step that passes the snapshots on. cluster-sync tells shards of a death in the step in which it
 * notes it in `access.members`, and both go to a shard on the same link: a snapshot that leaves before the death is
 * heard before it, one that leaves after it lacks the dead node's claims already. So no older answer undoes a death.
 */
export function withoutDead<T extends Whereabouts>(ctx: Ctx, state: State, snapshots: T[]): T[] {
  const { members } = state.access
  const holders = members.unregisteredIn(snapshots)
  if (holders.length > 0) ctx.tell(state.addresses.clusterSync, { kind: 'unregisteredSeen', holders })
  return snapshots.map((snapshot) => members.filter(snapshot))
}
