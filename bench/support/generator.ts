/** Whether the generator of a load was at its own limit: the rate is then its own, and not the server's. */
import { medianOf } from './measure.js'

/** Of a core: from here on it is the generator that limits the rate. Each has one busy thread. */
const BUSY = 0.9

/** Parts of a core that a generator used, one a round. */
export interface GeneratorInput {
  /** As in `the crowd`. */
  name: string
  ours: number[]
  /** With what stands beside, where the same generator loads both. */
  ceiling?: number[]
}

/** The same, in the middle of all rounds. */
export interface Generator {
  name: string
  ours: number
  ceiling?: number
}

export function generatorOf({ name, ours, ceiling }: GeneratorInput): Generator {
  const generator = { name, ours: medianOf(ours) }
  return ceiling === undefined ? generator : { ...generator, ceiling: medianOf(ceiling) }
}

/** Whether what was measured is less than the server could do. */
export function isLimit({ ours }: Generator): boolean {
  return ours >= BUSY
}

export function generatorNote({ name, ours, ceiling }: Generator): string {
  const beside = ceiling === undefined ? '' : `, with the ceiling ${percent(ceiling)}`
  const used = `${name} used ${percent(ours)} of a core${beside}`
  const isCeilingLimited = ceiling !== undefined && ceiling >= BUSY
  if (ours >= BUSY) {
    return `${used}: it is ${name} that limits ${isCeilingLimited ? 'both rates' : 'the rate'}`
  }
  return isCeilingLimited ? `${used}: there it is ${name} that limits the rate` : used
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`
}
