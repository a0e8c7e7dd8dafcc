/** What a node says of its readiness, to be waited for. */
import type { Readiness, ReadyPart } from '../../src/health/readiness.js'
import { until } from '../support/redis.js'

/** On a machine with much else to do. */
const WITHIN_MS = 60_000

interface Told {
  healthUrl: string
}

export interface Verdict extends Readiness {
  status: number
}

export async function readyz({ healthUrl }: Told): Promise<Verdict> {
  const response = await fetch(`${healthUrl}/readyz`)
  return { status: response.status, ...((await response.json()) as Readiness) }
}

export async function partOf(node: Told, name: string): Promise<ReadyPart | undefined> {
  return (await readyz(node)).parts.find((part) => part.name === name)
}

export async function becomesReady(node: Told): Promise<void> {
  let last: Verdict | undefined
  await until(
    'the node is ready',
    async () => {
      last = await readyz(node)
      return last.ready
    },
    WITHIN_MS,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`)
  })
}

/** Wait until the node is not ready for a reason, in that part; returns what it says. */
export async function lacks(node: Told, name: string, reason: RegExp): Promise<Verdict> {
  let last: Verdict | undefined
  await until(
    `${name} lacks ${reason}`,
    async () => {
      last = await readyz(node)
      return last.parts.some((part) => part.name === name && !part.ready && reason.test(part.missing ?? ''))
    },
    WITHIN_MS,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`)
  })
  return last!
}
