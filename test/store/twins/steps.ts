/** Steps of the differential test, and how they are drawn: a family for each subject, which shares its few names. */
import fc from 'fast-check'
import { ADMIN_KICK } from '../../../src/rules/logins/eviction.js'
import type { TokenState } from '../../../src/rules/types.js'
import { SLOTS } from './world.js'

/** Which version a node has seen, by what the last outcomes said. */
export type Seen = 'none' | 'below' | 'latest' | 'above'

export interface AssertedUser {
  userId: string
  platformIds: number[]
  seen: Seen
  isLogin: boolean
}

export interface Seats {
  taken: string[]
  asked: string[]
}

export interface SeatRules {
  platformId: number
  seat: string
  rivals: number[]
  rivalsYield: boolean
  perUserMax: number
  perPlatformMax: number
}

/** Of one slot; left out while that is not open. */
export type SlotStep = { slot: number } & (
  | { does: 'leave' }
  | { does: 'assert'; users: AssertedUser[]; seats?: Seats }
  | { does: 'watch' | 'unwatch' | 'read'; userIds: string[] }
  | {
      does: 'renew'
      knows: boolean
      /** Of which of its last renewals it names the suspects. */
      suspectsOf: 'none' | 'last' | 'before'
      /** Places in the list of all holders that there were. */
      unregistered: number[]
      keepsPrevious: boolean
      sweeps: boolean
    }
  | { does: 'living' }
  | { does: 'sweep'; which: number }
  | { does: 'takeSeat'; userId: string; rules: SeatRules; onlyLiving: boolean }
  | { does: 'tokenState' | 'kickedBy'; userId: string; platformId: number; token: string }
  | { does: 'tokensOf'; userId: string }
  | { does: 'remember'; userId: string; platformId: number; token: string; ttlS: number }
  | { does: 'kick'; userId: string; platformId: number; tokens: string[]; by: number; ttlS: number }
  | { does: 'vouch'; userId: string; platformId: number; token: string; login: number }
  | { does: 'forget'; userId: string; platformId: number; tokens: string[] }
  | { does: 'rememberRefresh'; userId: string; platformId: number; refresh: string; ttlS: number }
  | { does: 'takeRefresh'; userId: string; platformId: number; refresh: string }
  | { does: 'forgetRefreshes'; userId: string; platformId: number }
)

export type Step =
  | { does: 'open'; slot: number }
  | { does: 'pass'; seconds: number }
  | { does: 'setToken'; userId: string; platformId: number; token: string; state: TokenState; ttlS: number }
  | SlotStep

export const USERS = ['ann', 'bob']
export const PLATFORMS = [1, 2, 5]
export const TOKENS = ['t1', 't2']
const SEATS = PLATFORMS.flatMap((platformId) => ['a.1', 'a.2', 'b.1'].map((id) => `${platformId}/${id}`))
const STEPS_MAX = 25

const slot = fc.nat(SLOTS.length - 1)
const userId = fc.constantFrom(...USERS)
const userIds = fc.constantFrom(['ann'], ['ann'], ['bob'], USERS)
const platformIds = fc.subarray(PLATFORMS)
const login = fc.constantFrom(10, 20, 30, ADMIN_KICK - 1, ADMIN_KICK)
const ttlS = fc.constantFrom(0.4, 20, 4_000, 90_000)

/** Lives of the subject, a second less and a second more: what is wrong by one shows there. */
function passing(...lives: number[]): fc.Arbitrary<Step> {
  const seconds = fc.constantFrom(1, ...lives.flatMap((life) => [life - 1, life, life + 1]))
  return fc.record({ does: fc.constant('pass' as const), seconds })
}

const opening: fc.Arbitrary<Step> = fc.record({ does: fc.constant('open' as const), slot })
const leaving: fc.Arbitrary<Step> = fc.record({ does: fc.constant('leave' as const), slot })

const asserted = fc.record({
  platformIds: fc.oneof(platformIds, platformIds, fc.constant<number[]>([])),
  seen: fc.constantFrom<Seen[]>('none', 'none', 'below', 'latest', 'latest', 'latest', 'above'),
  isLogin: fc.constantFrom(true, false, false),
})
const asserting: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('assert' as const),
  slot,
  users: userIds.chain((ids) =>
    fc.tuple(...ids.map(() => asserted)).map((each) => each.map((one, i) => ({ userId: ids[i]!, ...one }))),
  ),
})
/** One user, by a node that has seen none of the versions: whatever is a change is one of the record. */
const assertingAnew: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('assert' as const),
  slot,
  users: fc
    .constantFrom<number[][]>([], [], [1], [2])
    .map((held) => [{ userId: 'ann', platformIds: held, seen: 'none' as const, isLogin: false }]),
})
const aboutUsers: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom('watch' as const, 'watch' as const, 'unwatch' as const, 'read' as const),
  slot,
  userIds,
})
const sweeping: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('sweep' as const),
  slot,
  which: fc.nat(8),
})

const renewing: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('renew' as const),
  slot,
  knows: fc.boolean(),
  suspectsOf: fc.constantFrom('none' as const, 'last' as const, 'last' as const, 'before' as const),
  unregistered: fc.array(fc.nat(8), { maxLength: 2 }),
  keepsPrevious: fc.boolean(),
  sweeps: fc.boolean(),
})
const livingAsked: fc.Arbitrary<Step> = fc.record({ does: fc.constant('living' as const), slot })

const keepingSeats: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('assert' as const),
  slot,
  users: fc
    .record({ userId, platformIds, seen: fc.constant('latest' as const), isLogin: fc.boolean() })
    .map((one) => [one]),
  seats: fc
    .tuple(fc.subarray(SEATS, { maxLength: 3 }), fc.subarray(SEATS, { maxLength: 3 }))
    .map(([taken, more]) => ({ taken, asked: more.filter((one) => !taken.includes(one)) })),
})
const cap = fc.constantFrom(0, 1, 2, 4)
const takingSeat: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('takeSeat' as const),
  slot,
  userId,
  onlyLiving: fc.boolean(),
  rules: fc.constantFrom(...SEATS).chain((seat) =>
    fc.record({
      platformId: fc.constant(Number(seat.split('/')[0])),
      seat: fc.constant(seat),
      rivals: platformIds,
      rivalsYield: fc.boolean(),
      perUserMax: cap,
      perPlatformMax: cap,
    }),
  ),
})

/** Few names: what one step does to a token is what another step finds. */
const aToken = {
  slot,
  userId: fc.constantFrom('ann', 'ann', 'ann', 'bob'),
  platformId: fc.constantFrom(1, 1, 1, 5),
  token: fc.constantFrom('t1', 't1', 't2'),
}
const { token: _, ...owner } = aToken
const tokens = fc.subarray(TOKENS, { minLength: 1 })
const state = fc.constantFrom<TokenState[]>('normal', 'invalid', 'kicked', 'expired')
const settingToken: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('setToken' as const),
  userId: aToken.userId,
  platformId: aToken.platformId,
  token: aToken.token,
  state,
  ttlS: fc.constantFrom(20, 4_000),
})
const kicking: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('kick' as const),
  ...owner,
  tokens,
  by: login,
  ttlS,
})
const askingState: fc.Arbitrary<Step> = fc.record({ does: fc.constant('tokenState' as const), ...aToken })
const aboutToken: fc.Arbitrary<Step>[] = [
  askingState,
  kicking,
  fc.record({ does: fc.constant('kickedBy' as const), ...aToken }),
  fc.record({ does: fc.constant('remember' as const), ...aToken, ttlS }),
  fc.record({ does: fc.constant('vouch' as const), ...aToken, login }),
  fc.record({ does: fc.constant('forget' as const), ...owner, tokens }),
]
const refresh = fc.constantFrom('r1', 'r2')
const aboutRefresh: fc.Arbitrary<Step>[] = [
  fc.record({ does: fc.constant('rememberRefresh' as const), ...owner, refresh, ttlS }),
  fc.record({ does: fc.constant('takeRefresh' as const), ...owner, refresh }),
]
const forgettingRefreshes: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('forgetRefreshes' as const),
  ...owner,
})

function drawn(...weighted: [weight: number, ...steps: fc.Arbitrary<Step>[]][]): fc.Arbitrary<Step[]> {
  const choices = weighted.flatMap(([weight, ...steps]) => steps.map((arbitrary) => ({ arbitrary, weight })))
  return fc.array(fc.oneof(...choices), { minLength: 1, maxLength: STEPS_MAX, size: 'max' })
}

export const FAMILIES: Readonly<Record<string, fc.Arbitrary<Step[]>>> = {
  claims: drawn([8, asserting], [4, aboutUsers], [4, passing(20, 30, 60, 300)], [1, opening, sweeping]),
  lapses: drawn([5, assertingAnew], [3, passing(20)]),
  leases: drawn(
    [8, renewing],
    [4, passing(3, 4, 6, 10, 12, 21, 30, 40, 60), opening],
    [1, leaving, livingAsked, sweeping, asserting],
    [1, passing(7 * 86_400)],
  ),
  seats: drawn([8, takingSeat], [4, keepingSeats], [3, passing(20, 60)], [1, opening, renewing, leaving]),
  tokens: drawn(
    [6, ...aboutToken],
    [2, settingToken],
    [10, passing(20, 4_000)],
    [1, passing(86_400), opening],
  ),
  reliance: drawn([4, askingState], [1, kicking, opening], [3, passing(3_600)]),
  refreshes: drawn([4, ...aboutRefresh], [1, forgettingRefreshes], [4, passing(20)]),
}
