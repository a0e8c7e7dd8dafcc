/** What the listener of an io thread hears from other threads. */

/** A shard started and knows nobody: report its users' connections. Answered by `Announced`. shard → listener. */
export interface Announce {
  kind: 'announce'
  shard: number
}

/**
 * Another process has this node's name, or has it no more: send the clients away and let nobody in, or stop that.
 * Repeated while it lasts. cluster-sync → listener.
 */
export interface StandAside {
  kind: 'standAside'
  isAside: boolean
}

export type Command = Announce | StandAside
