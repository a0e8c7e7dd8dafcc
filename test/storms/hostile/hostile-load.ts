/** The hostile load: one node with its usual settings, attackers of every class, and honest users beside them. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Admin } from '../../../src/sdk/admin.js'
import { ChildNode } from '../../support/child-node.js'
import { endsWithThisProcess } from '../../support/leftovers.js'
import { SECRET, type Teardown } from '../../support/node.js'
import { residentBytes } from '../../support/proc.js'
import type { Order } from './attack-process.js'
import { ATTACKS } from './attacks.js'
import { type Tally, wasMet } from './field.js'
import { Honest } from './honest.js'

export interface HostileOptions {
  seconds: number
  /** Which attackers; default all. */
  names?: string[]
  /** Settings of the node beside the usual ones. */
  env?: Record<string, string>
  say(line: string): void
}

export interface HostileOutcome {
  loginP95Ms: number
  changeP95Ms: number
  logins: number
  rssMaxMb: number
  failures: string[]
  tallies: Record<string, Tally>
  /** What is wrong, in words; none = it passed. */
  problems: string[]
}

/** What honest users may be made to wait, on two cores that clients and attackers share. */
const LOGIN_P95_MS = 500
const CHANGE_P95_MS = 100
const MIB = 1024 * 1024
const RSS_MAX_MB = 900
const HONEST_USERS = 40
const HONEST_PER_S = 5
const ATTACK_PLATFORM = 5
const PROCESS = fileURLToPath(new URL('./attack-process.js', import.meta.url))
const METRICS = /^porchlight_(closes|request_errors|login_errors|over_share|api)\w*_total\{/

export async function runHostileLoad(test: Teardown, options: HostileOptions): Promise<HostileOutcome> {
  const { seconds, say, names = ATTACKS.map(({ name }) => name) } = options
  const node = await ChildNode.start(test, { SHARD_THREADS: '0', ...options.env })
  const admin = new Admin(node.apiUrl, SECRET)
  const tokens: Record<string, string> = {}
  for (const name of names)
    tokens[`${name} ${ATTACK_PLATFORM}`] = await admin.userToken(name, ATTACK_PLATFORM)
  const honest = new Honest(
    node.wsUrl,
    admin,
    Array.from({ length: HONEST_USERS }, (_, n) => `honest-${n}`),
  )
  test.teardown(() => honest.end())
  await honest.come()
  say(`${HONEST_USERS} honest users are in; ${names.length} attackers for ${seconds} s`)
  const rss = new RssMeter(node.pid)
  honest.live(HONEST_PER_S)
  const order: Order = {
    names,
    field: {
      wsPort: node.wsPort,
      apiPort: Number(new URL(node.apiUrl).port),
      healthPort: node.healthPort,
      tokens,
      seconds,
      seed: 1,
    },
  }
  const tallies = await raid(order)
  await honest.end()
  const rssMaxMb = rss.end()
  const problems: string[] = []
  const restarts = await node.metric('porchlight_thread_restarts_total').catch((error: Error) => {
    problems.push(`the node does not answer after it: ${error.message}`)
    return 0
  })
  if (restarts > 0) problems.push(`${restarts} threads died`)
  const { logins, changes, failures } = honest.figures
  const outcome = { loginP95Ms: p95(logins), changeP95Ms: p95(changes), logins: logins.length, rssMaxMb }
  if (outcome.loginP95Ms > LOGIN_P95_MS)
    problems.push(`honest logins: p95 ${outcome.loginP95Ms.toFixed(0)} ms`)
  if (outcome.changeP95Ms > CHANGE_P95_MS) problems.push(`changes: p95 ${outcome.changeP95Ms.toFixed(0)} ms`)
  if (rssMaxMb > RSS_MAX_MB) problems.push(`the node grew to ${rssMaxMb.toFixed(0)} MB`)
  for (const name of names) {
    const tally = tallies[name]
    if (tally === undefined || !wasMet(tally)) problems.push(`nothing was done about ${name}`)
  }
  for (const line of (await node.metricsText()).split('\n')) if (METRICS.test(line)) say(line)
  return { ...outcome, failures, tallies, problems }
}

async function raid(order: Order): Promise<Record<string, Tally>> {
  const child = fork(PROCESS, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  endsWithThisProcess(child)
  child.send(order)
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the attackers ended with ${code}, and without a word`)
  })
  const [tallies] = (await Promise.race([once(child, 'message'), ended])) as [Record<string, Tally>]
  return tallies
}

/** The largest resident set of a process, as far as a look each half second tells. */
class RssMeter {
  #maxMb = 0
  #isOver = false

  constructor(private readonly pid: number) {
    void this.#look()
  }

  end(): number {
    this.#isOver = true
    return this.#maxMb
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      try {
        this.#maxMb = Math.max(this.#maxMb, residentBytes(this.pid) / MIB)
      } catch {
        return // The process has ended; others say so.
      }
      await sleep(500)
    }
  }
}

function p95(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? Number.POSITIVE_INFINITY
}

/** A table of what was done about each attacker. */
export function hostileTable({ tallies }: HostileOutcome): string {
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([key, times]) => `${key} x${times}`)
      .join(', ')
  const rows = Object.entries(tallies).map(
    ([name, { connected, refused, closed, errors, slowed }]) =>
      `| ${name} | ${connected} | ${refused} | ${list(closed)} | ${list(errors)} | ${slowed} |`,
  )
  return [
    '| Attacker | In | Refused | Closed with | Errors | Slowed |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}
