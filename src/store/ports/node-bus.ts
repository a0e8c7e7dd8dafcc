/** What nodes tell each other through the store. */
import type { Note } from '../../protocol/node/notes.js'
import type { Holder, PlatformId, Snapshot, UserId } from '../../rules/types.js'

/** What this node hears. Called on the node's own thread, never inside a call of the store's. */
export interface NodeBusEvents {
  /** Users that this node watches changed elsewhere. In order for a user and a sender; may repeat. */
  changed(snapshots: Snapshot[], by: Holder): void
  /** Changes may have been lost (a gap in a sender's numbers, a resubscription): read again what is watched. */
  changesMissed(reason: string): void
  /** Another node says something (`send`), or tokens that this node relies on were kicked. */
  nodeMessage(note: Note): void
  /**
   * OPENIM_COMPAT only: a notice of OpenIM's form came over `online_change`, from any node or from OpenIM's own
   * services. Not ordered by versions: a hint to look again, or to assert again what the list lacks.
   */
  openimNotice(userId: UserId, platformIds: PlatformId[]): void
}

export interface NodeBus {
  /**
   * Tell another incarnation something; lost when it is not there, or when the store is out of reach. A receiver hears
   * it before any change that is asserted after it.
   */
  send(to: Holder, note: Note): void

  /**
   * Say something to this node on the way that other nodes take; resolves when it was heard. Rejects with why it was
   * not, within seconds; the listening connection is then made anew, if that is where it was lost.
   */
  probeChannel(): Promise<void>
}
