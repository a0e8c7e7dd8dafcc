/**
 * The clock of the database, as seen from a clock that only rises. Messages, leases and ages are timed by it: all nodes share
 * it, and a node whose own clock is set does not notice.
 */

/** One question for the time, by the steady clock of who asks. ms */
export interface ClockSample {
  askedMs: number
  answeredMs: number
  /** What the database said. */
  databaseMs: number
}

/** How far the database is ahead of the steady clock, and by how much that may be wrong. ms */
export interface ClockReading {
  offsetMs: number
  errorMs: number
  /** When it was taken, by the steady clock. */
  atMs: number
}

/** How far two clocks part, at most, for each ms: ten times what crystals do, and what a slewed clock does. */
const DRIFT = 0.0005

/** The database said it some time between question and answer, so in the middle, give or take half of that time. */
export function readingOf({ askedMs, answeredMs, databaseMs }: ClockSample): ClockReading {
  return {
    offsetMs: databaseMs - (askedMs + answeredMs) / 2,
    errorMs: (answeredMs - askedMs) / 2,
    atMs: answeredMs,
  }
}

/**
 * The better of two readings, `fresh` being the later one: that of the shorter round trip, where an old one counts for less
 * the older it is. Readings that cannot both be right tell that the clock of the database was set, or is another's.
 */
export function betterReading(held: ClockReading | undefined, fresh: ClockReading): ClockReading {
  if (held === undefined) return fresh
  const heldErrorMs = held.errorMs + DRIFT * (fresh.atMs - held.atMs)
  const isSet = Math.abs(fresh.offsetMs - held.offsetMs) > fresh.errorMs + heldErrorMs
  return isSet || fresh.errorMs <= heldErrorMs ? fresh : held
}
