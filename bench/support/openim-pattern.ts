/**
 * What OpenIM's gateways and its user service do with presence, between them, as far as Redis sees it.
 *
 * Changes go to one of four queues by their user, and from there as a batch: when it is full, and each second. Each
 * queue has one worker, with a connection of its own, which takes the users of a batch one by one: one EVAL with the
 * text of the script, and where that found a change one PUBLISH on the one channel, each awaited before the next.
 * Who renews a record announces the same platforms again.
 *
 * The call between the two services is left out, in its favour, and so are its losses: no queue is bounded here.
 */
import type { Cluster, Redis } from 'ioredis'
import { hashOf } from '../../src/rules/placement.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { OPENIM_CHANNEL, plainKeys } from '../../src/store/redis/keys.js'

const WORKERS = 4
const BATCH_MAX = 100
/** Between the times when everything that has gathered is sent. */
const FLUSH_MS = 1_000
const LIFE_S = 1_800

/**
 * KEYS[1] record of the user: platform -> expiry. ARGV: life (s), now, new expiry, how many platforms left, those,
 * then those that are online. Returns the members and '1' where anything changed, else '0'.
 */
const ANNOUNCE = `
local key, life, now, expiry = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local firstOnline = 5 + tonumber(ARGV[4])
local atFirst = redis.call('ZCARD', key)
redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
for i = 5, firstOnline - 1 do redis.call('ZREM', key, ARGV[i]) end
local between = redis.call('ZCARD', key)
for i = firstOnline, #ARGV do redis.call('ZADD', key, expiry, ARGV[i]) end
redis.call('EXPIRE', key, life)
local atLast = redis.call('ZCARD', key)
if atFirst == between and between == atLast then return { '0' } end
local members = redis.call('ZRANGE', key, 0, -1)
members[#members + 1] = '1'
return members
`

/** All platforms of a user that are to be said of them: those that left, and those where they are. */
interface Change {
  userId: UserId
  left: readonly PlatformId[]
  online: readonly PlatformId[]
}

export class OpenimPattern {
  readonly #workers: Worker[]
  readonly #ticker: NodeJS.Timeout

  /** `connect`: a client for each worker, which its maker ends. */
  constructor(connect: () => Redis | Cluster, flushMs = FLUSH_MS) {
    this.#workers = Array.from({ length: WORKERS }, () => new Worker(connect()))
    this.#ticker = setInterval(() => this.#send(), flushMs)
  }

  /** EVALs and PUBLISHes until now. */
  get counts(): { announced: number; published: number } {
    const sum = (part: 'announced' | 'published') =>
      this.#workers.reduce((all, worker) => all + worker[part], 0)
    return { announced: sum('announced'), published: sum('published') }
  }

  announce(userId: UserId, online: readonly PlatformId[], left: readonly PlatformId[] = []): void {
    this.#workers[hashOf(userId) % WORKERS]!.add({ userId, online, left })
  }

  /** Without waiting for the second to end; resolves when Redis has everything. */
  async flush(): Promise<void> {
    this.#send()
    await Promise.all(this.#workers.map((worker) => worker.done))
  }

  stop(): void {
    clearInterval(this.#ticker)
  }

  #send(): void {
    for (const worker of this.#workers) worker.send()
  }
}

class Worker {
  announced = 0
  published = 0
  /** Settles when every batch that was sent has been. */
  done: Promise<void> = Promise.resolve()
  #gathered: Change[] = []

  constructor(private readonly client: Redis | Cluster) {}

  add(change: Change): void {
    this.#gathered.push(change)
    if (this.#gathered.length === BATCH_MAX) this.send()
  }

  send(): void {
    const batch = this.#gathered
    this.#gathered = []
    this.done = this.done.then(() => this.#announceAll(batch))
    // Whoever waits for it hears of a failure.
    this.done.catch(() => {})
  }

  async #announceAll(batch: readonly Change[]): Promise<void> {
    for (const change of batch) await this.#announce(change)
  }

  async #announce({ userId, left, online }: Change): Promise<void> {
    const nowS = Math.floor(Date.now() / 1_000)
    const args = [LIFE_S, nowS, nowS + LIFE_S, left.length, ...left, ...online]
    const platforms = (await this.client.eval(ANNOUNCE, 1, plainKeys.online(userId), ...args)) as string[]
    this.announced++
    if (platforms.pop() === '0') return
    await this.client.publish(OPENIM_CHANNEL, [...platforms, userId].join(':'))
    this.published++
  }
}
