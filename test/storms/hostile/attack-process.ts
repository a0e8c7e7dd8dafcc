/** The attackers, in a process of their own, so that what they do does not delay the clocks of honest clients. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ATTACKS } from './attacks.js'
import type { Field, Tally } from './field.js'
import { Raider } from './raider.js'

export interface Order {
  field: Field
  /** Which attackers. */
  names: string[]
}

/** Attackers in action at a time. Each one's turn comes again and again. */
const AT_ONCE = 8
const TURN_S = 6

/** What becomes of a socket that its attacker has let go of. */
const SOCKET_ERRORS = ['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED']

process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  if (!SOCKET_ERRORS.includes(error.code ?? '')) throw error
})
process.once('message', async (order: Order) => {
  process.send!(await raid(order))
  process.disconnect()
})

/**
 * Two cores serve the gateway, its clients and its attackers: all attackers at once would mostly measure how fast they
 * are themselves. So they come in turns, some at a time, in an order that changes from round to round.
 */
async function raid({ field, names }: Order): Promise<Record<string, Tally>> {
  const tallies: Record<string, Tally> = {}
  const attackers = ATTACKS.filter(({ name }) => names.includes(name))
  const endsMs = performance.now() + field.seconds * 1_000
  let next = 0
  const turns = async (): Promise<void> => {
    while (performance.now() < endsMs) {
      const at = next++ % attackers.length
      const { name, run, turnS = TURN_S } = attackers[at]!
      const seconds = Math.min(turnS, (endsMs - performance.now()) / 1_000)
      const raider = new Raider({ ...field, seconds }, name, `127.0.${1 + (at >> 7)}.${2 + (at & 127)}`)
      await Promise.race([run(raider), sleep(seconds * 1_000 + 3_000)])
      tallies[name] = sum(tallies[name], raider.tally)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, attackers.length) }, turns))
  return tallies
}

function sum(a: Tally | undefined, b: Tally): Tally {
  if (a === undefined) return b
  const counts = (one: Record<string, number>, other: Record<string, number>) => {
    const all = { ...one }
    for (const [key, times] of Object.entries(other)) all[key] = (all[key] ?? 0) + times
    return all
  }
  return {
    connected: a.connected + b.connected,
    refused: a.refused + b.refused,
    closed: counts(a.closed, b.closed),
    errors: counts(a.errors, b.errors),
    answers: a.answers + b.answers,
    slowed: a.slowed + b.slowed,
  }
}
