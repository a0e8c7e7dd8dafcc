/** Many sequences of each family, drawn from one seed. */
import fc from 'fast-check'
import { embeddedWorld } from './embedded-world.js'
import { Twins } from './play.js'
import { redisWorld } from './redis-world.js'
import { FAMILIES } from './steps.js'

export interface CheckOptions {
  /** Of each family. */
  sequences: number
  seed: number
  /** Only this family. */
  family?: string
  /** A difference is not shortened. */
  isQuick?: boolean
}

/** A sequence, as short as it could be made, that both stores do not take alike. */
export interface Finding {
  family: string
  steps: unknown
  error: string
}

/** At most one finding of each family. Starts a redis-server, and stops it. */
export async function check({ sequences, seed, family, isQuick = false }: CheckOptions): Promise<Finding[]> {
  const [embedded, redis] = [embeddedWorld(), await redisWorld()]
  const twins = new Twins(embedded, redis)
  const findings: Finding[] = []
  try {
    for (const [name, steps] of Object.entries(FAMILIES)) {
      if (family !== undefined && name !== family) continue
      const property = fc.asyncProperty(steps, async (drawn) => void (await twins.play(drawn)))
      const result = await fc.check(property, { seed, numRuns: sequences, endOnFailure: isQuick })
      if (!result.failed) continue
      const error = (result.errorInstance as Error | null)?.message ?? String(result.errorInstance)
      findings.push({ family: name, steps: result.counterexample?.[0], error })
      if (isQuick) break
    }
  } finally {
    await redis.stop()
  }
  return findings
}
