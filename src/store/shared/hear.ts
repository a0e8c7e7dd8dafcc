/** Where the node bus ends: the one handler of all that other nodes say, the same for every store. */
import type { AnyNote } from '../../protocol/node/notes.js'
import type { Holder } from '../../rules/types.js'
import type { StoreEvents } from '../ports/store.js'

export function hear(
  events: Pick<StoreEvents, 'changed' | 'nodeMessage'>,
  note: AnyNote,
  from: Holder,
): void {
  if (note.kind === 'changes') events.changed(note.snapshots, from)
  else events.nodeMessage(note)
}
