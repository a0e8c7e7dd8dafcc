/** Which users each client watches: the same for the same seed, in whatever process it is asked. */

/** Numbers below 1 in a fixed order for each seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** `count` different numbers of 0 to `total` - 1, without `self`; at most `total` - 1 of them. */
export function watchedBy(self: number, count: number, total: number, seed: number): number[] {
  const wanted = Math.min(count, total - 1)
  // Nearly everybody: chance would take long to find the last ones.
  if (wanted > total / 2) {
    const first = Math.floor(randomOf(mix(seed, self))() * (total - 1))
    return Array.from({ length: wanted }, (_, n) => (self + 1 + ((first + n) % (total - 1))) % total)
  }
  const random = randomOf(mix(seed, self))
  const chosen = new Set<number>()
  while (chosen.size < wanted) {
    const other = Math.floor(random() * total)
    if (other !== self) chosen.add(other)
  }
  return [...chosen]
}

function mix(seed: number, self: number): number {
  return Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(self + 1, 0x85ebca6b)
}
