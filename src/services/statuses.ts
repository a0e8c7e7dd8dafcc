/** Use case: where users are, in the whole cluster. WATCH_POLICY says who may ask about which users. */
import { WireCode } from '../openim/codes.js'
import type { PlatformId, UserId, UserPlatforms } from '../rules/types.js'
import { checkUserId } from '../rules/user-id.js'
import { CallRefusedError, noPermissionError, retryAfterError } from './call-refused.js'
import type { RateTable } from './rate-table.js'

export interface StatusDeps {
  /** Whether `asker` may know where a user is. */
  mayWatch(asker: UserId, userId: UserId): boolean
  /** Where users are, in order; a user who could not be read is missing. Rejects while the store is away. */
  whereabouts(userIds: UserId[]): Promise<UserPlatforms[]>
  /** How many users a second each user may ask about. */
  rate: RateTable
  /** Of a clock that only rises. */
  nowMs(): number
}

/** `isAdmin`: may ask about anybody, without bound. */
export interface Asker {
  userId: UserId
  isAdmin: boolean
}

export class StatusService {
  readonly #deps: StatusDeps

  constructor(deps: StatusDeps) {
    this.#deps = deps
  }

  /** Throws when the asker may not know about one of them, or asks about too many users a second. */
  charge(asker: Asker, userIds: readonly UserId[]): void {
    if (asker.isAdmin) return
    const { mayWatch, rate, nowMs } = this.#deps
    if (!userIds.every((userId) => mayWatch(asker.userId, userId))) {
      throw noPermissionError('only an administrator may ask about others (WATCH_POLICY)')
    }
    const waitMs = rate.take(asker.userId, nowMs(), userIds.length)
    if (waitMs > 0) throw retryAfterError(WireCode.TooManyRequests, 'you ask about too many users', waitMs)
  }

  /** One for each that is asked about, in order. A text that cannot be a user ID is nowhere. Throws for a store away. */
  async of(userIds: readonly UserId[]): Promise<UserPlatforms[]> {
    const possible = userIds.filter((userId) => checkUserId(userId) === undefined)
    const found = await this.#deps.whereabouts(possible).catch((error: unknown) => {
      throw storeAway('the store is out of reach; try again later', error)
    })
    if (found.length < possible.length)
      throw storeAway('a part of the store is out of reach; try again later')
    const known = new Map<UserId, PlatformId[]>(found.map(({ userId, platformIds }) => [userId, platformIds]))
    return userIds.map((userId) => ({ userId, platformIds: known.get(userId) ?? [] }))
  }
}

function storeAway(detail: string, cause?: unknown): CallRefusedError {
  return new CallRefusedError(WireCode.DatabaseError, detail, undefined, cause)
}
