/** Records of a wrong type, written by another program: only their own user is affected. */
import { DamagedRecordError } from '../../errors/errors.js'
import { RecentMap } from '../../rules/recent-map.js'
import { rejectUnavailable } from './server/connection.js'
import type { RedisStoreOptions } from './server/options.js'

const EVERY_MS = 60_000
/** Keys that are told apart; beyond it the oldest is forgotten. */
const KEYS_MAX = 1_000

export class DamageLog {
  readonly #log: RedisStoreOptions['log']
  readonly #toldMs = new RecentMap<string, number>(KEYS_MAX)

  constructor(log: RedisStoreOptions['log']) {
    this.#log = log
  }

  /** Whether this is what Redis says of a record of a wrong type. Tells the log, at most once a minute for the keys. */
  note(error: string, keysOf: () => readonly string[]): boolean {
    if (!error.includes('WRONGTYPE')) return false
    const keys = keysOf()
    const name = keys.join(', ')
    const nowMs = performance.now()
    if (nowMs - (this.#toldMs.get(name) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return true
    this.#toldMs.set(name, nowMs)
    this.#log('warn', 'a record is of a wrong type: its user is taken for offline, or cannot log in', {
      keys,
      error,
    })
    return true
  }

  /** For a call about these keys: fails with DAMAGED_RECORD where one is damaged, else with STORE_UNAVAILABLE. */
  rejecting(keysOf: () => readonly string[]): (error: unknown) => never {
    return (error) => {
      const text = error instanceof Error ? error.message : String(error)
      if (!this.note(text, keysOf)) return rejectUnavailable(error)
      throw new DamagedRecordError(`One of ${keysOf().join(', ')} is damaged (${text}).`)
    }
  }
}
