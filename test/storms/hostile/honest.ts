/** Honest users beside the attackers: they log in, watch each other, leave and come back, and are timed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PlatformId, UserId } from '../../../src/rules/types.js'
import type { Admin } from '../../../src/sdk/admin.js'
import { OpenimClient } from '../../../src/sdk/openim-client.js'

const PLATFORM: PlatformId = 1
const PATIENCE_MS = 10_000
const PING_MS = 10_000

export interface Figures {
  /** From the connect to the verdict, ms. */
  logins: number[]
  /** From the verdict of a user's login to the push at a watcher, ms. */
  changes: number[]
  /** What went wrong, in words. */
  failures: string[]
}

export class Honest {
  readonly figures: Figures = { logins: [], changes: [], failures: [] }
  readonly #clients = new Map<UserId, OpenimClient>()
  readonly #tokens = new Map<UserId, string>()
  readonly #pings: NodeJS.Timeout
  #watcher: OpenimClient | undefined
  #living: Promise<void> | undefined
  #isOver = false

  constructor(
    private readonly wsUrl: string,
    private readonly admin: Admin,
    private readonly users: readonly UserId[],
  ) {
    this.#pings = setInterval(() => {
      for (const client of [...this.#clients.values(), this.#watcher]) client?.ping('x').catch(() => {})
    }, PING_MS)
  }

  /** Everybody takes a token and comes in; one watches all. */
  async come(): Promise<void> {
    for (const userId of [...this.users, 'watcher']) {
      this.#tokens.set(userId, await this.admin.userToken(userId, PLATFORM))
    }
    this.#watcher = await this.#connect('watcher')
    await this.#watcher.subscribe([...this.users])
    for (const userId of this.users) this.#clients.set(userId, await this.#connect(userId))
  }

  /** One user after another leaves and comes back, `perS` of them a second, until `end`. */
  live(perS: number): void {
    this.#living = this.#rounds(perS)
  }

  async #rounds(perS: number): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const round = this.#round(this.users[n % this.users.length]!)
      await Promise.all([sleep(1_000 / perS), round])
    }
  }

  /** Whoever has left comes back first: without a watcher nobody would be told of it. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#living
    clearInterval(this.#pings)
    for (const client of [...this.#clients.values(), this.#watcher]) client?.terminate()
  }

  async #round(userId: UserId): Promise<void> {
    const before = this.#clients.get(userId)
    if (before?.closeCode !== undefined)
      this.figures.failures.push(`${userId} was closed: ${before.closeCode}`)
    await before?.close()
    await this.#seen(userId, [])
    const startMs = performance.now()
    try {
      this.#clients.set(userId, await this.#connect(userId))
      const inMs = performance.now()
      this.figures.logins.push(inMs - startMs)
      if (await this.#seen(userId, [PLATFORM])) this.figures.changes.push(performance.now() - inMs)
    } catch (error) {
      this.#clients.delete(userId)
      this.figures.logins.push(PATIENCE_MS)
      this.figures.failures.push(`${userId} did not get in: ${(error as Error).message}`)
    }
  }

  /** False = the watcher was not told in time. */
  async #seen(userId: UserId, platformIds: PlatformId[]): Promise<boolean> {
    const wanted = platformIds.join()
    try {
      await this.#watcher!.waitForStatus(userId, (now) => now.join() === wanted, PATIENCE_MS)
      return true
    } catch (error) {
      this.figures.changes.push(PATIENCE_MS)
      this.figures.failures.push(`the watcher was not told of ${userId}: ${(error as Error).message}`)
      return false
    }
  }

  #connect(userId: UserId): Promise<OpenimClient> {
    const token = this.#tokens.get(userId)!
    return OpenimClient.connect({
      url: this.wsUrl,
      token,
      userId,
      platformId: PLATFORM,
      timeoutMs: PATIENCE_MS,
    })
  }
}
