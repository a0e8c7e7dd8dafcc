/** What the listener of an io thread hears from other threads. */

/** A shard started and knows nobody: report its users' connections. Answered by `Announced`. shard → listener. */
export interface Announce {
  kind: 'announce'
  shard: number
}

export type Command = Announce
