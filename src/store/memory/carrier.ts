/** The node bus of the embedded store: how notes of one node reach the others of its backend. */

import type { AnyNote } from '../../protocol/node/notes.js'
import { splitHolder } from '../../rules/cluster/holder.js'
import type { Holder } from '../../rules/types.js'
import type { Incarnation } from '../ports/node-registry.js'
import type { StoreEvents } from '../ports/store.js'
import type { MemoryBackend } from './memory-backend.js'

/** A note, and the incarnation that it is for. */
export interface Addressed {
  to: Holder
  note: AnyNote
}

export interface Carrier {
  /** The node hears from now on, and speaks as this incarnation. */
  open(incarnation: Incarnation, events: StoreEvents): void
  /** What one call of the store has for other nodes. `of`: the node that it is about, this one or a dead one. */
  tell(notes: Addressed[], of: Holder): void
  /** At some time soon, in order with `tell`. */
  send(to: Holder, note: AnyNote): void
  close(): void
}

/** Within one process: nothing is lost. */
export class InProcessCarrier implements Carrier {
  readonly #backend: MemoryBackend
  #holder: Holder | undefined

  constructor(backend: MemoryBackend) {
    this.#backend = backend
  }

  open({ holder }: Incarnation): void {
    this.#holder = holder
  }

  tell(notes: Addressed[]): void {
    for (const { to, note } of notes) this.send(to, note)
  }

  send(to: Holder, note: AnyNote): void {
    this.#backend.deliver(splitHolder(to).nodeId, note, this.#holder!)
  }

  close(): void {}
}
