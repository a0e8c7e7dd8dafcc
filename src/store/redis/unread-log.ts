/** What other nodes say and this release cannot read: it is left out, counted, and logged without a flood. */
import { RecentMap } from '../../rules/recent-map.js'
import type { RedisStoreOptions } from './server/options.js'

const EVERY_MS = 60_000
/** Reasons that are told apart; beyond it the oldest is forgotten. */
const REASONS_MAX = 100

export class UnreadLog {
  readonly #log: RedisStoreOptions['log']
  readonly #nowMs: () => number
  readonly #known = new RecentMap<string, { count: number; loggedMs: number }>(REASONS_MAX)

  constructor(log: RedisStoreOptions['log'], nowMs: () => number = () => performance.now()) {
    this.#log = log
    this.#nowMs = nowMs
  }

  /** Logs a reason when it comes first, then at most once a minute, with its count. */
  note(reason: string): void {
    const nowMs = this.#nowMs()
    let known = this.#known.get(reason)
    if (known === undefined) {
      known = { count: 0, loggedMs: Number.NEGATIVE_INFINITY }
      this.#known.set(reason, known)
    }
    known.count++
    if (nowMs - known.loggedMs < EVERY_MS) return
    known.loggedMs = nowMs
    this.#log('warn', 'a node message was not understood', { reason, count: known.count })
  }
}
