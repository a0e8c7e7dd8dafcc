/**
 * Chaos: a Redis that goes on answering and does not serve. While each fault lasts users come and go; `/readyz` must say
 * what is wrong; afterwards nodes are ready again, and what watchers and the store say must be what the sockets are.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Platform } from '../../src/openim/platforms.js'
import type { UserId } from '../../src/rules/types.js'
import type { OpenimClient } from '../../src/sdk/openim-client.js'
import { becomesReady, lacks } from '../health/room.js'
import { until } from '../support/redis.js'
import { askRest } from '../support/rest.js'
import type { ChaosFault } from './faults.js'
import type { Place } from './places.js'

/** A fault that nobody may notice lasts so long. */
const UNNOTICED_MS = 1_000
const AGREE_MS = 60_000

export class Crowd {
  readonly #watchers: OpenimClient[] = []
  readonly #users: readonly UserId[]
  readonly #online = new Map<UserId, OpenimClient>()

  constructor(
    private readonly place: Place,
    count = 12,
  ) {
    this.#users = Array.from({ length: count }, (_, n) => `user-${n}`)
  }

  /** Every second user comes in; each node has somebody who watches all. */
  async come(): Promise<void> {
    const { nodes } = this.place
    for (const [n, node] of nodes.entries()) {
      const watcher = await node.login(`watcher-${n}`, Platform.Web)
      await watcher.subscribe([...this.#users])
      this.#watchers.push(watcher)
    }
    for (const [n, userId] of this.#users.entries()) {
      const node = nodes[n % 2]!
      await node.token(userId, Platform.Android)
      if (n % 3 !== 0) this.#online.set(userId, await node.login(userId, Platform.Android))
    }
  }

  /** Some go, and some come in whose token their node has checked a short while ago. */
  async move(round: number): Promise<void> {
    for (const [n, userId] of this.#users.entries()) {
      if ((n + round) % 4 !== 0) continue
      const client = this.#online.get(userId)
      this.#online.delete(userId)
      if (client !== undefined) await client.close()
      else {
        const node = this.place.nodes[n % 2]!
        const back = await node.login(userId, Platform.Android).catch(() => undefined)
        if (back !== undefined) this.#online.set(userId, back)
      }
    }
  }

  /** Differences between sockets, watchers and the store, in words. */
  async differences(): Promise<string[]> {
    const found: string[] = []
    for (const [userId, client] of this.#online) {
      if (client.closeCode !== undefined) this.#online.delete(userId)
    }
    const { data } = await askRest(this.place.nodes[0], '/user/get_users_status', { userIDs: this.#users })
    const { statusList } = data as { statusList: { userID: string; platformIDs: number[] | null }[] }
    const recorded = new Map(
      statusList.map(({ userID, platformIDs }) => [userID, (platformIDs ?? []).join()]),
    )
    for (const userId of this.#users) {
      const is = this.#online.has(userId) ? String(Platform.Android) : ''
      if (recorded.get(userId) !== is)
        found.push(`${userId} is on [${is}], Redis says [${recorded.get(userId)}]`)
      for (const [n, watcher] of this.#watchers.entries()) {
        const shown = watcher.status(userId)?.join()
        if (shown !== is) found.push(`${userId} is on [${is}], node ${n} shows [${shown}]`)
      }
    }
    return found
  }
}

/** One fault, from its beginning to agreement. Returns what was wrong, in words; none = it passed. */
export async function befall(
  place: Place,
  crowd: Crowd,
  fault: ChaosFault,
  round: number,
): Promise<string[]> {
  const problems: string[] = []
  await fault.begin(place)
  if (fault.said === undefined) await sleep(UNNOTICED_MS)
  else {
    for (const [n, node] of place.nodes.entries()) {
      const { part, reason } = fault.said
      await lacks(node, part, reason).catch((error: Error) => problems.push(`node ${n}: ${error.message}`))
    }
  }
  await crowd.move(round)
  await fault.end(place)
  for (const [n, node] of place.nodes.entries()) {
    await becomesReady(node).catch((error: Error) => problems.push(`node ${n}: ${error.message}`))
  }
  let differences: string[] = []
  await until(
    'all agree',
    async () => {
      differences = await crowd.differences()
      return differences.length === 0
    },
    AGREE_MS,
  ).catch(() => problems.push(`${differences.length} differences, first: ${differences[0]}`))
  return problems
}
