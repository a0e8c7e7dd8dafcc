/**
 * Which members of each group are connected to one io thread. Filled when a user logs in, before they read; kept by the
 * messages that tell of a change. Each message to a group says since which version of the list of members nobody has come
 * or left: where that is another one than the thread knows, it has to ask.
 */
import type { UserId } from '../types.js'
import type { Audience } from './types.js'

/** A group of a user, at a version of its list of members. */
export interface OwnGroup {
  groupId: string
  epoch: number
}

/** What a thread asked for of a group's members. */
export interface MembersSince {
  epoch: number
  /** Those who came or left meanwhile, and where they are now; or all members, where too much has changed. */
  changes: { userId: UserId; isMember: boolean }[] | undefined
  all: UserId[]
}

interface Group {
  epoch: number
  members: Set<UserId>
}

export class Audiences {
  readonly #groups = new Map<string, Group>()
  readonly #ofUser = new Map<UserId, Set<string>>()
  /** Users whose groups were read; of others only those are known that they have just entered. */
  readonly #known = new Set<UserId>()
  readonly #isHere: (userId: UserId) => boolean

  /** `isHere`: whether a user is connected to this thread. */
  constructor(isHere: (userId: UserId) => boolean) {
    this.#isHere = isHere
  }

  get size(): number {
    return this.#groups.size
  }

  /** Whether the groups of a user are known. */
  knows(userId: UserId): boolean {
    return this.#known.has(userId)
  }

  /** The groups of a user who has logged in. */
  enter(userId: UserId, groups: readonly OwnGroup[]): void {
    this.#known.add(userId)
    for (const { groupId, epoch } of groups) {
      const known = this.#groups.get(groupId)
      // The older of the two: what has changed since is asked for with the next message.
      if (known !== undefined) known.epoch = Math.min(known.epoch, epoch)
      this.#add(groupId, userId, epoch)
    }
  }

  /** The last connection of a user has gone. */
  exit(userId: UserId): void {
    for (const groupId of this.#ofUser.get(userId) ?? []) this.#drop(groupId, userId)
    this.#ofUser.delete(userId)
    this.#known.delete(userId)
  }

  /** The members who are here; undefined = what is known of the group is too old: see `sinceOf` and `learn`. */
  membersFor({ groupId, epoch, change }: Audience): ReadonlySet<UserId> | undefined {
    const group = this.#groups.get(groupId)
    if (group === undefined) {
      for (const userId of change?.entered ?? []) if (this.#isHere(userId)) this.#add(groupId, userId, epoch)
      return this.#groups.get(groupId)?.members ?? NOBODY
    }
    if (epoch <= group.epoch) return group.members
    if (change?.since !== group.epoch) return undefined
    group.epoch = epoch
    for (const userId of change.left) this.#drop(groupId, userId)
    for (const userId of change.entered) if (this.#isHere(userId)) this.#add(groupId, userId, epoch)
    return group.members
  }

  /** The members who are here, as far as is known. */
  knownMembers(groupId: string): ReadonlySet<UserId> {
    return this.#groups.get(groupId)?.members ?? NOBODY
  }

  /** The version from which changes are missing. */
  sinceOf(groupId: string): number {
    return this.#groups.get(groupId)?.epoch ?? 0
  }

  learn(groupId: string, { epoch, changes, all }: MembersSince): void {
    const group = this.#groups.get(groupId)
    if (group === undefined) return
    const now = changes ?? all.map((userId) => ({ userId, isMember: true }))
    if (changes === undefined) {
      const members = new Set(all)
      for (const userId of [...group.members]) if (!members.has(userId)) this.#drop(groupId, userId)
    }
    for (const { userId, isMember } of now) {
      if (!isMember) this.#drop(groupId, userId)
      else if (this.#isHere(userId)) this.#add(groupId, userId, epoch)
    }
    group.epoch = Math.max(group.epoch, epoch)
  }

  #add(groupId: string, userId: UserId, epoch: number): void {
    const group = this.#groups.get(groupId) ?? { epoch, members: new Set() }
    this.#groups.set(groupId, group)
    group.members.add(userId)
    const own = this.#ofUser.get(userId) ?? new Set()
    this.#ofUser.set(userId, own.add(groupId))
  }

  #drop(groupId: string, userId: UserId): void {
    const group = this.#groups.get(groupId)
    group?.members.delete(userId)
    if (group?.members.size === 0) this.#groups.delete(groupId)
    this.#ofUser.get(userId)?.delete(groupId)
  }
}

const NOBODY: ReadonlySet<UserId> = new Set()
