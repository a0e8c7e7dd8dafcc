/** Pairs of users for the benchmarks of messages. */
import type { UserId } from '../../src/rules/types.js'

const DIGITS = 6

/** All as long as each other, so that their frames are. */
export function talkerIds(count: number): UserId[] {
  return Array.from({ length: count }, (_, n) => `talker-${String(n).padStart(DIGITS, '0')}`)
}

/** The users of the first half chat with those of the second; `count` is even. */
export function peerOf(n: number, count: number): number {
  const half = count >> 1
  return n < half ? n + half : n - half
}
