/**
 * How often logins may be tried, and a user may ask, begin to watch others and send messages, counted across io threads: so
 * many in a period, and as many at once after a quiet one.
 *
 * GCRA: a bucket is one number, the time at which it would be quiet again if nobody came any more. Each event puts it
 * one interval (period / limit) later, and is refused when that would be more than a period from now. What a request
 * weighs beside itself is known only after it was let in: it may put its bucket one period further.
 *
 * The SharedArrayBuffer of `createRates` holds a salt and one such time for each bucket, in nanoseconds since
 * 1970: 64 bits, because at ten million a minute the interval is 6 microseconds, and because they never wrap around.
 * Every thread writes every bucket, by compare-and-exchange.
 *
 * Two keys in one bucket share its rate: that is rare, and errs to the safe side. The salt keeps it from being
 * aimed: from outside nobody can work out which user or address shares a bucket with their victim.
 */
import { randomBytes } from 'node:crypto'
import { limitKeyOf } from '../../net/address.js'
import { hashOf } from '../../rules/placement.js'
import type { UserId } from '../../rules/types.js'

const ADDRESS_BUCKETS = 16_384
const USER_BUCKETS = 65_536
const SALT_AT = 0
const ADDRESSES_AT = 1
const USERS_AT = ADDRESSES_AT + ADDRESS_BUCKETS
const REQUESTS_AT = USERS_AT + USER_BUCKETS
const WATCHES_AT = REQUESTS_AT + USER_BUCKETS
const SENDS_AT = WATCHES_AT + USER_BUCKETS
const SLOTS = SENDS_AT + USER_BUCKETS

const NS_PER_MS = 1_000_000n
const SECOND_NS = 1_000n * NS_PER_MS
const MINUTE_NS = 60n * SECOND_NS

export interface RateLimits {
  loginsPerMinPerAddress: number
  loginsPerMinPerUser: number
  requestsPerSPerUser: number
  newWatchesPerMinPerUser: number
  sendsPerMinPerUser: number
  /** IPv6 addresses that share so many first bits are counted as one. */
  addressPrefixV6: number
}

/** One for a process. Every bucket is quiet. */
export function createRates(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(SLOTS * BigInt64Array.BYTES_PER_ELEMENT)
  new BigInt64Array(shared)[SALT_AT] = randomBytes(8).readBigInt64LE()
  return shared
}

/** One limit: `burstNs` is as many intervals as may come in a period, `debtNs` how far beyond it may be charged. */
interface Limit {
  intervalNs: bigint
  burstNs: bigint
  debtNs: bigint
}

export class Rates {
  readonly #quietAtNs: BigInt64Array
  readonly #salt: string
  readonly #loginsPerAddress: Limit
  readonly #loginsPerUser: Limit
  readonly #requestsPerUser: Limit
  readonly #watchesPerUser: Limit
  readonly #sendsPerUser: Limit
  readonly #prefixV6: number
  readonly #nowMs: () => number

  /**
   * One thread's view. `nowMs` must be one clock for all threads: Date.now is, performance.now is not. When it is
   * set back, a bucket counts as full until an interval has passed, and never longer.
   */
  constructor(shared: SharedArrayBuffer, limits: RateLimits, nowMs: () => number) {
    this.#quietAtNs = new BigInt64Array(shared)
    this.#salt = `${this.#quietAtNs[SALT_AT]} `
    this.#loginsPerAddress = limitOf(limits.loginsPerMinPerAddress, MINUTE_NS)
    this.#loginsPerUser = limitOf(limits.loginsPerMinPerUser, MINUTE_NS)
    this.#requestsPerUser = limitOf(limits.requestsPerSPerUser, SECOND_NS, true)
    this.#watchesPerUser = limitOf(limits.newWatchesPerMinPerUser, MINUTE_NS)
    this.#sendsPerUser = limitOf(limits.sendsPerMinPerUser, MINUTE_NS)
    this.#prefixV6 = limits.addressPrefixV6
    this.#nowMs = nowMs
  }

  /** Count a login from an address: 0 = it may go on; else the ms until one may, and this one is not counted. */
  loginOfAddress(address: string): number {
    const key = limitKeyOf(address, this.#prefixV6)
    return this.#take(ADDRESSES_AT + (this.#hashOf(key) % ADDRESS_BUCKETS), this.#loginsPerAddress)
  }

  /** Count a login of a user, in the same way. */
  loginOfUser(userId: UserId): number {
    return this.#take(USERS_AT + (this.#hashOf(userId) % USER_BUCKETS), this.#loginsPerUser)
  }

  /** Count a request of a user, over whichever of their connections. */
  requestOfUser(userId: UserId): number {
    return this.#take(REQUESTS_AT + (this.#hashOf(userId) % USER_BUCKETS), this.#requestsPerUser)
  }

  /** What a request that was let in weighs beside itself. */
  chargeUser(userId: UserId, weight: number): void {
    if (weight > 0)
      this.#charge(REQUESTS_AT + (this.#hashOf(userId) % USER_BUCKETS), this.#requestsPerUser, weight)
  }

  /** Count so many new watches of a user, all or none. */
  watchesOfUser(userId: UserId, count: number): number {
    return this.#take(WATCHES_AT + (this.#hashOf(userId) % USER_BUCKETS), this.#watchesPerUser, count)
  }

  /** Count a message that a user sends, over whichever of their connections. */
  sendOfUser(userId: UserId): number {
    return this.#take(SENDS_AT + (this.#hashOf(userId) % USER_BUCKETS), this.#sendsPerUser)
  }

  #hashOf(key: string): number {
    return hashOf(this.#salt + key)
  }

  #take(at: number, { intervalNs, burstNs, debtNs }: Limit, count = 1): number {
    const nowNs = BigInt(Math.floor(this.#nowMs())) * NS_PER_MS
    const fullNs = nowNs + burstNs
    for (;;) {
      const found = Atomics.load(this.#quietAtNs, at)
      const next = later(found, nowNs) + intervalNs * BigInt(count)
      if (next <= fullNs) {
        if (Atomics.compareExchange(this.#quietAtNs, at, found, next) === found) return 0
        continue
      }
      if (found <= fullNs + debtNs) return Number((next - fullNs + NS_PER_MS - 1n) / NS_PER_MS)
      // Fuller than can be: it was filled before the clock was set back, or by a thread that is ahead by a blink.
      Atomics.compareExchange(this.#quietAtNs, at, found, fullNs)
    }
  }

  #charge(at: number, { intervalNs, burstNs, debtNs }: Limit, count: number): void {
    const nowNs = BigInt(Math.floor(this.#nowMs())) * NS_PER_MS
    const mostNs = nowNs + burstNs + debtNs
    for (;;) {
      const found = Atomics.load(this.#quietAtNs, at)
      const next = later(found, nowNs) + intervalNs * BigInt(count)
      if (Atomics.compareExchange(this.#quietAtNs, at, found, next < mostNs ? next : mostNs) === found) return
    }
  }
}

function limitOf(count: number, periodNs: bigint, mayOwe = false): Limit {
  const intervalNs = periodNs / BigInt(count)
  // Not the period: what the division dropped must not add up to one more.
  const burstNs = intervalNs * BigInt(count)
  return { intervalNs, burstNs, debtNs: mayOwe ? burstNs : 0n }
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
