/**
 * Compares, of every user, the sockets with what Redis has and with what every watcher was told last. The sockets are
 * right by definition.
 */
import type { Cluster } from 'ioredis'
import type { UserId } from '../../src/rules/types.js'
import { plainKeys } from '../../src/store/redis/keys.js'
import type { Crowd } from '../crowd/members.js'
import type { Watchers } from '../crowd/watchers.js'

export interface Difference {
  userId: UserId
  /** `redis`: also while it does not answer. */
  where: 'watchers' | 'redis' | 'crowd'
  text: string
}

export interface Agreement {
  /** When every watcher had been told what the sockets say; undefined = not in time. `performance.now()`. */
  watchersMs: number | undefined
  /** The same, and Redis had it too. */
  allMs: number | undefined
  /** What was left in the end. */
  differences: Difference[]
}

const READS_AT_ONCE = 200
const LOOK_MS = 50
/** Redis is asked less often than memory. */
const LOOK_REDIS_MS = 400
/** Longer than it takes to read all of the registry and the users of a storm. */
const REDIS_MS = 5_000

export class Audit {
  constructor(
    private readonly redis: Cluster,
    private readonly crowd: Crowd,
    private readonly watchers: Watchers,
    /** Nodes that must have watchers by now. */
    private readonly posts: () => number,
  ) {}

  async differences(userIds: readonly UserId[] = this.crowd.userIds): Promise<Difference[]> {
    return [...this.views(userIds), ...(await this.records(userIds))]
  }

  /** Watchers against sockets. */
  views(userIds: readonly UserId[] = this.crowd.userIds): Difference[] {
    const found: Difference[] = []
    const missing = this.posts() - new Set([...this.watchers.all].map(({ home }) => home.nodeId)).size
    if (missing > 0) found.push({ userId: '', where: 'watchers', text: `${missing} nodes have no watchers` })
    for (const userId of userIds) {
      if (this.crowd.isOnTheWay(userId)) {
        found.push({ userId, where: 'crowd', text: `${userId} is on their way` })
        continue
      }
      const real = this.crowd.platformsOf(userId).join()
      for (const { view, home } of this.watchers.all) {
        const told = view.get(userId)?.join()
        if (told === real) continue
        const text = `${userId} is on [${real}]; a watcher at ${home.nodeId} was told [${told ?? 'nothing'}]`
        found.push({ userId, where: 'watchers', text })
      }
    }
    return found
  }

  /** Redis against sockets: OpenIM's union, and the claims of nodes that live. */
  async records(userIds: readonly UserId[] = this.crowd.userIds): Promise<Difference[]> {
    const failed = (error: Error): Difference[] => [
      { userId: '', where: 'redis', text: `Redis does not answer: ${error.message}` },
    ]
    return within(REDIS_MS, this.#records(userIds)).catch(failed)
  }

  async #records(userIds: readonly UserId[]): Promise<Difference[]> {
    const found: Difference[] = []
    const nowMs = Date.now()
    const living = new Set(await this.redis.zrangebyscore(plainKeys.nodes(), `(${nowMs}`, '+inf'))
    for (let at = 0; at < userIds.length; at += READS_AT_ONCE) {
      const page = userIds.slice(at, at + READS_AT_ONCE)
      await Promise.all(page.map((userId) => this.#record(userId, living, Math.floor(nowMs / 1000), found)))
    }
    return found
  }

  async #record(userId: UserId, living: Set<string>, nowS: number, found: Difference[]): Promise<void> {
    const [union, claims] = await Promise.all([
      this.redis.zrangebyscore(plainKeys.online(userId), `(${nowS}`, '+inf'),
      this.redis.zrangebyscore(plainKeys.claims(userId), `(${nowS}`, '+inf'),
    ])
    if (this.crowd.isOnTheWay(userId)) return
    const real = this.crowd.platformsOf(userId).join()
    const recorded = union
      .map(Number)
      .sort((a, b) => a - b)
      .join()
    if (recorded !== real) {
      found.push({ userId, where: 'redis', text: `${userId} is on [${real}]; ONLINE has [${recorded}]` })
    }
    const sockets = this.crowd.byUser
      .get(userId)!
      .filter((member) => member.isOpen)
      .map(({ platformId, home }) => `${platformId}@${home!.nodeId}`)
      .sort()
      .join()
    const counting = claims
      .filter((claim) => living.has(claim.slice(claim.indexOf('@') + 1)))
      .map((claim) => claim.slice(0, claim.lastIndexOf('#')))
      .sort()
      .join()
    if (counting !== sockets) {
      found.push({ userId, where: 'redis', text: `${userId} has [${sockets}]; PRESENCE has [${counting}]` })
    }
  }

  /** Look until there is no difference, and once more at everything. At most `withinMs`. */
  async untilAgreed(withinMs: number): Promise<Agreement> {
    const deadlineMs = performance.now() + withinMs
    let watchersMs: number | undefined
    let differences: Difference[] = []
    // Only those who differed are looked at again, until there are none: that may have changed for others meanwhile.
    let suspects: readonly UserId[] | undefined
    let redisDueMs = 0
    while (performance.now() < deadlineMs) {
      const views = this.views()
      if (views.length === 0) watchersMs ??= performance.now()
      else watchersMs = undefined
      if (performance.now() >= redisDueMs) {
        const beganMs = performance.now()
        const records = await this.records(suspects)
        differences = [...this.views(), ...records]
        if (differences.length === 0 && suspects === undefined) {
          return { watchersMs: watchersMs ?? performance.now(), allMs: beganMs, differences }
        }
        const names = new Set(records.map(({ userId }) => userId))
        suspects = names.size === 0 || names.has('') ? undefined : [...names]
        redisDueMs = names.size === 0 ? 0 : performance.now() + LOOK_REDIS_MS
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    differences = await this.differences()
    const hasViews = differences.some(({ where }) => where !== 'redis')
    return { watchersMs: hasViews ? undefined : watchersMs, allMs: undefined, differences }
  }
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
