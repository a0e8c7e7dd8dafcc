/** How the news of one node's embedded store reach the other nodes of its backend. */
import type { Note } from '../../rules/logins/eviction.js'
import type { Holder, Snapshot } from '../../rules/types.js'
import type { Incarnation } from '../ports/node-registry.js'
import type { StoreEvents } from '../ports/store.js'
import { splitHolder } from '../shared/names.js'
import type { MemoryBackend } from './memory-backend.js'

/** A change, and who watches: flat, node, epoch, node, epoch... */
export interface WatchedChange {
  snapshot: Snapshot
  watchers: string[]
}

export interface Carrier {
  /** The node hears from now on, and speaks as this incarnation. */
  open(incarnation: Incarnation, events: StoreEvents): void
  /** The changes of one call, each to the nodes that watch. `of`: whose changes they are. */
  tell(changes: WatchedChange[], of: Holder): void
  send(to: Holder, note: Note): void
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

  tell(changes: WatchedChange[]): void {
    const toTell = new Map<string, Snapshot[]>()
    for (const { snapshot, watchers } of changes) {
      for (let i = 0; i < watchers.length; i += 2) {
        const nodeId = watchers[i]!
        toTell.set(nodeId, [...(toTell.get(nodeId) ?? []), snapshot])
      }
    }
    for (const [nodeId, snapshots] of toTell) {
      this.#backend.tell(nodeId, structuredClone(snapshots), this.#holder!)
    }
  }

  send(to: Holder, note: Note): void {
    this.#backend.note(splitHolder(to).nodeId, note)
  }

  close(): void {}
}
