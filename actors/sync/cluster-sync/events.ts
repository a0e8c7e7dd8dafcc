/**
 * Routes the events of the store to the actors of this thread. Thread: sync.
 *
 * Mailboxes keep the order of arrival. So a note and a change of one sender reach presence-sync in order, and token-sync
 * hears of a kick before the answers that the store gave after it. Events that would not be repeated are signals.
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
    case 'deliver':
    case 'delivered':
      // What a full mailbox refuses comes again.
      return ctx.tell(addresses.messageSync, { kind: 'nodeMessage', note })
    default:
      return ctx.signal(addresses.presenceSync, { kind: 'nodeMessage', note })
  }
}
