/**
 * What the store tells, and which actor of this thread hears it. Thread: sync.
 *
 * Everything goes into the mailbox of its listener in the order in which it was heard. So a note and a change of one
 * sender reach presence-sync in order, and a kick overtakes in token-sync the answers that come after it. Signals are
 * for what would not be said again.
 */
import type { Note } from '../../../src/protocol/node/notes.js'
import type { StoreEvents } from '../../../src/store/ports/store.js'
import { refuseChanges } from './losses.js'
import type { Ctx, State } from './state.js'

export function eventsFor(ctx: Ctx, state: State): StoreEvents {
  const { presenceSync } = state.addresses
  return {
    changed: (snapshots, by) => {
      const isTold = ctx.tryTell(presenceSync, { kind: 'changes', snapshots, by })
      if (!isTold) refuseChanges(ctx, state)
    },
    changesMissed: (reason) => ctx.signal(ctx.self, { kind: 'changesMissed', reason }),
    nodeMessage: (note) => onNodeMessage(ctx, state, note),
    openimNotice: (userId, platformIds) =>
      ctx.tell(presenceSync, { kind: 'openimNotice', userId, platformIds }),
    reachable: (up, reason) => ctx.signal(ctx.self, { kind: 'storeReachable', up, reason }),
  }
}

function onNodeMessage(ctx: Ctx, { addresses }: State, note: Note): void {
  switch (note.kind) {
    case 'died':
      return ctx.signal(ctx.self, note)
    case 'withdraw':
      return ctx.signal(addresses.tokenSync, { ...note, kind: 'tokensKicked' })
    default:
      return ctx.signal(addresses.presenceSync, { kind: 'nodeMessage', note })
  }
}
