/** Seats in Redis. */
import type { SeatOutcome, SeatRefusal, SeatRequest } from '../../rules/types.js'
import type { SeatRecords } from '../ports/seat-records.js'
import type { RedisNodeRegistry } from './registry.js'
import * as scripts from './scripts/scripts.js'
import { rejectUnavailable } from './server/connection.js'
import type { StoreContext } from './store-context.js'

export class RedisSeatRecords implements SeatRecords {
  readonly #context: StoreContext
  readonly #registry: RedisNodeRegistry

  constructor(context: StoreContext, registry: RedisNodeRegistry) {
    this.#context = context
    this.#registry = registry
  }

  async takeSeat(request: SeatRequest, onlyLiving: boolean): Promise<SeatOutcome> {
    const { client, keys, options, opened } = this.#context
    const { holder } = opened()
    const living = onlyLiving ? await this.#registry.living() : undefined
    const call = scripts.takeSeat(keys, request, holder, options.presenceTtlS, living)
    const reply = await scripts.runScript(client, call).catch(rejectUnavailable)
    const [refusal, ...holders] = (reply as Buffer[]).map(String)
    if (refusal === '') return { isTaken: true }
    return { isTaken: false, reason: refusal as SeatRefusal, holders }
  }
}
