/** The storms of messages for `npm run test:storms`, each with nodes of its own. */

import { withTeardown } from '../../support/teardown.js'
import { tableOf } from '../table.js'
import { type MessageOutcome, type MessageStorm, runMessageStorm } from './storms.js'

export interface MessageRun {
  pairs: number
  rounds: number
  seed: number
}

const HEAD = [
  'Storm',
  'Faults',
  'Sent',
  'Acknowledged',
  'No answer',
  'Refused',
  'Longest gap (s)',
  'Problems',
  'Pass',
]

/** Prints what it sees. True = all that could be run have passed. */
export async function runMessageStorms(storms: readonly MessageStorm[], run: MessageRun): Promise<boolean> {
  const outcomes: MessageOutcome[] = []
  for (const storm of storms) {
    const missing = storm.missing?.()
    if (missing !== undefined) {
      console.log(`${storm.name}: skipped, ${missing}`)
      continue
    }
    const outcome = await alone(storm, run)
    outcomes.push(outcome)
    for (const problem of outcome.problems) console.log(`  ${problem}`)
  }
  if (outcomes.length > 0) console.log(tableOf(HEAD, outcomes.map(rowOf)))
  return outcomes.every(({ problems }) => problems.length === 0)
}

async function alone(storm: MessageStorm, run: MessageRun): Promise<MessageOutcome> {
  const startedMs = performance.now()
  const say = (line: string) =>
    console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  try {
    return await withTeardown((test) => runMessageStorm(test, storm, { ...run, say }))
  } catch (error) {
    const nothing = { rounds: 0, sent: 0, acknowledged: 0, broken: 0, refused: 0, gapMaxS: 0 }
    return { storm: storm.name, ...nothing, problems: [`broke off: ${(error as Error).message}`] }
  }
}

function rowOf(outcome: MessageOutcome): string[] {
  const { storm, rounds, sent, acknowledged, broken, refused, gapMaxS, problems } = outcome
  return [
    storm,
    ...[rounds, sent, acknowledged, broken, refused].map(String),
    gapMaxS.toFixed(2),
    String(problems.length),
    problems.length === 0 ? 'yes' : 'NO',
  ]
}
