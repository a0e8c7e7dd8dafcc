/** The straight line that fits points best, and how far they are from it. */
export interface Line {
  count: number
  /** Of y for one of x. */
  slope: number
  /** Mean of y. */
  level: number
  /** What the line rises from the first x to the last. */
  growth: number
  /** Standard deviation of the points from the line. */
  scatter: number
}

/** `points`: x and y, in the order of x. */
export function lineThrough(points: readonly (readonly [number, number])[]): Line {
  const count = points.length
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, count)
  const x = mean(points.map(([at]) => at))
  const level = mean(points.map(([, value]) => value))
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
  const common = points.reduce((sum, [at, value]) => sum + (at - x) * (value - level), 0)
  const slope = spread === 0 ? 0 : common / spread
  const squares = points.reduce((sum, [at, value]) => sum + (value - level - slope * (at - x)) ** 2, 0)
  const growth = count === 0 ? 0 : slope * (points.at(-1)![0] - points[0]![0])
  return { count, slope, level, growth, scatter: Math.sqrt(squares / Math.max(1, count - 2)) }
}
