/** What every attacker is given, and what it has to say afterwards. Plain data: it crosses a process boundary. */

export interface Field {
  wsPort: number
  apiPort: number
  healthPort: number
  /** Tokens of the attackers' users, by `userId platformId`. */
  tokens: Record<string, string>
  seconds: number
  seed: number
}

/** What the gateway did about one attacker. */
export interface Tally {
  /** Sockets that came in. */
  connected: number
  /** Connects and handshakes that were refused, timed out or reset. */
  refused: number
  /** Sockets that the gateway ended, by close code; 1006 = without a close frame. */
  closed: Record<string, number>
  /** Answers that were errors, by code. */
  errors: Record<string, number>
  /** Answers in all. */
  answers: number
  /** Times that a socket took no more bytes for a second. */
  slowed: number
}

export function newTally(): Tally {
  return { connected: 0, refused: 0, closed: {}, errors: {}, answers: 0, slowed: 0 }
}

/** Whether the gateway did anything about it at all. */
export function wasMet(tally: Tally): boolean {
  const closed = Object.values(tally.closed).reduce((sum, times) => sum + times, 0)
  const errors = Object.values(tally.errors).reduce((sum, times) => sum + times, 0)
  return tally.refused + closed + errors + tally.slowed > 0
}

export function count(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1
}
