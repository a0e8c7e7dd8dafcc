/** Every storm of messages: what breaks, and how it is mended. What must be true afterwards is the ledger's. */

import type { Teardown } from '../../support/node.js'
import { databaseStorms } from './database-storms.js'
import { diskFull } from './disk-storms.js'
import { galeraKill } from './galera-storm.js'
import { nodeStorms } from './node-storms.js'
import { Scene, type SceneSettings } from './scene.js'

export interface MessageStorm {
  name: string
  what: string
  /** What it needs and this machine lacks, in a line; undefined = nothing. */
  missing?(): string | undefined
  /** With these a send may be refused while it blows; with others never. */
  refusals: readonly number[]
  /** What was wrong while it blew, in words. */
  run(scene: Scene): Promise<string[]>
}

export interface MessageOutcome {
  storm: string
  rounds: number
  sent: number
  acknowledged: number
  broken: number
  refused: number
  gapMaxS: number
  /** What is wrong, in words; none = it passed. */
  problems: string[]
}

export const MESSAGE_STORMS: readonly MessageStorm[] = [
  ...nodeStorms,
  ...databaseStorms,
  diskFull,
  galeraKill,
]

const SHOWN = 5

export async function runMessageStorm(
  test: Teardown,
  storm: MessageStorm,
  settings: SceneSettings,
): Promise<MessageOutcome> {
  settings.say(`${storm.name}: ${storm.what}`)
  const scene = new Scene(test, settings)
  const { ledger, gapsMs } = scene
  const problems = await storm.run(scene)
  const found = await scene.problems()
  if (found.length > 0) problems.push(`the ledger has ${found.length} problems:`)
  for (const { clause, text } of found.slice(0, SHOWN)) problems.push(`  ${clause}: ${text}`)
  for (const [errCode, count] of ledger.refusals) {
    if (!storm.refusals.includes(errCode)) problems.push(`${count} sends were refused with ${errCode}`)
  }
  return {
    storm: storm.name,
    rounds: gapsMs.length,
    sent: ledger.sent,
    acknowledged: ledger.answered,
    broken: ledger.broken,
    refused: [...ledger.refusals.values()].reduce((sum, count) => sum + count, 0),
    gapMaxS: Math.max(0, ...gapsMs) / 1_000,
    problems,
  }
}
