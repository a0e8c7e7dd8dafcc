/** Clients on each node that watch everybody, and remember the last that they were told of each, and every offline. */

import { Platform } from '../../src/openim/platforms.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import type { Crowd, Home } from './members.js'

/** Users in one subscription. */
const PAGE = 500
const ATTEMPTS = 20
const AGAIN_MS = 250

/** A watcher was told that a user is offline. */
export interface OfflineTold {
  userId: UserId
  nodeId: string
  /** `performance.now()`. */
  atMs: number
  /** The user had a socket, or had lost it for less than the grace. */
  isFalse: boolean
  /** What their devices were then, in words; '' where it is right. */
  devices: string
}

export class Watcher {
  readonly view = new Map<UserId, PlatformId[]>()

  constructor(
    readonly home: Home,
    readonly client: OpenimClient,
  ) {}
}

export class Watchers {
  /** Those whose connection is open. */
  readonly all = new Set<Watcher>()
  offlines: OfflineTold[] = []

  constructor(
    private readonly crowd: Crowd,
    private readonly tokenOf: (userId: UserId, platformId: PlatformId) => Promise<string>,
    private readonly isAlive: (home: Home) => boolean,
    private readonly perNode = 2,
  ) {}

  /** Some begin to watch at that node. Resolves when they have been told of everybody. */
  async post(home: Home): Promise<void> {
    await Promise.all(Array.from({ length: this.perNode }, (_, n) => this.#watch(home, n)))
  }

  end(): void {
    for (const { client } of this.all) void client.terminate()
  }

  async #watch(home: Home, n: number): Promise<void> {
    const userId = `watcher-${home.nodeId}-${n}`
    const client = await this.#login(home, userId)
    const watcher = new Watcher(home, client)
    client.on('received', ({ userId: watched, platformIds, atMs }) => {
      // It may run for hours.
      client.history.length = 0
      this.#hear(watcher, watched, platformIds, atMs)
    })
    client.on('close', (code) => {
      this.all.delete(watcher)
      if (this.isAlive(home))
        this.crowd.cuts.push(`${userId} was cut by ${home.nodeId}, which lives (${code})`)
    })
    const users = this.crowd.userIds
    for (let at = 0; at < users.length; at += PAGE) await client.subscribe(users.slice(at, at + PAGE))
    this.all.add(watcher)
  }

  /** A node that has just started may turn the first away. */
  async #login({ port }: Home, userId: UserId): Promise<OpenimClient> {
    const url = `ws://127.0.0.1:${port}`
    for (let attempt = 1; ; attempt++) {
      const token = await this.tokenOf(userId, Platform.Web)
      try {
        return await OpenimClient.connect({ url, token, userId, platformId: Platform.Web, timeoutMs: 30_000 })
      } catch (error) {
        if (attempt === ATTEMPTS) throw error
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    }
  }

  #hear(watcher: Watcher, userId: UserId, platformIds: PlatformId[], atMs: number): void {
    const before = watcher.view.get(userId)
    watcher.view.set(
      userId,
      [...platformIds].sort((a, b) => a - b),
    )
    // The first that it hears of somebody may well be that they are not there yet.
    if (platformIds.length > 0 || before === undefined || before.length === 0) return
    const isFalse = !this.crowd.mayBeOffline(userId)
    const devices = isFalse ? this.crowd.describe(userId) : ''
    this.offlines.push({ userId, nodeId: watcher.home.nodeId, atMs, isFalse, devices })
  }
}
