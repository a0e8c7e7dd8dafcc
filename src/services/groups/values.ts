/** OpenIM's numbers of groups and their members, and the bounds of this server. */

export const GroupStatus = { Normal: 0, Dismissed: 2, Muted: 3 } as const

/** The only kind of group that is served. */
export const WORKING_GROUP = 2

/** As rows have it, in the order of lists. */
export const Rank = { Owner: 0, Admin: 1, Member: 2 } as const
export type Rank = (typeof Rank)[keyof typeof Rank]

/** OpenIM's levels of the ranks. */
const LEVELS = { [Rank.Owner]: 100, [Rank.Admin]: 60, [Rank.Member]: 20 } as const

export function levelOf(rank: number): number {
  return LEVELS[rank as Rank]
}

/** The rank that a level gives; an owner is made by a transfer alone. */
export function rankOfLevel(level: number): Rank | undefined {
  if (level === LEVELS[Rank.Admin]) return Rank.Admin
  return level === LEVELS[Rank.Member] ? Rank.Member : undefined
}

/** How users come into a group. */
export const Verification = {
  /** Who asks waits for an answer; members invite directly. */
  OfRequests: 0,
  /** Who asks, and whom an ordinary member invites, waits for an answer. */
  OfAll: 1,
  /** Whoever asks is in. */
  None: 2,
} as const

/** Where a member came from. */
export const JoinSource = { Admin: 1, Invitation: 2, Search: 3, QrCode: 4 } as const

/** Why a conversation is marked. */
export const AtType = { None: 0, Me: 1, All: 2, AllAndMe: 3, Notice: 4 } as const

/** Groups of one user. */
export const GROUPS_OF_USER_MAX = 10_000
/** Members who come or go in one transaction. */
export const MEMBERS_AT_ONCE_MAX = 1_000
