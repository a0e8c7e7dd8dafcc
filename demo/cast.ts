/**
 * The cast: users who come and go at random, each with a few devices that speak different encodings.
 *
 * The play is judged by what the watcher sees. Every act that must become visible is noted with its time; the push
 * that shows it settles it, and the difference is the latency from the act to the push.
 */

import type { SdkType } from '../src/openim/codec/encodings.js'
import { Platform } from '../src/openim/platforms.js'
import type { PlatformId, UserId } from '../src/rules/types.js'
import type { Admin } from '../src/sdk/admin.js'
import { OpenimClient } from '../src/sdk/openim-client.js'

/** What a device speaks on the wire; the gateway encodes each change once for each kind in use. */
interface Device {
  platformId: PlatformId
  sdkType: SdkType
  compression: boolean
}

const DEVICES: readonly Device[] = [
  { platformId: Platform.IOS, sdkType: 'go', compression: true },
  { platformId: Platform.Android, sdkType: 'go', compression: false },
  { platformId: Platform.Windows, sdkType: 'go', compression: true },
  { platformId: Platform.Web, sdkType: 'js', compression: false },
  { platformId: Platform.IPad, sdkType: 'go', compression: false },
  { platformId: Platform.Web, sdkType: 'js', compression: true },
]

const NAMES = ['ann', 'bob', 'cleo', 'dan', 'eve', 'finn', 'gil', 'hana', 'ivo', 'joy', 'kim', 'leo']

/** One act a user every 1.5 to 6 s: slow enough to follow with the eye, quick enough to show everything soon. */
const PAUSE_MIN_MS = 1_500
const PAUSE_MAX_MS = 6_000
/** After a broken socket somebody comes back within the grace, as after a tunnel, in this part of the cases. */
const TUNNEL_PART = 0.4
const TUNNEL_MS = 1_500

export type Act = 'login' | 'second device' | 'close' | 'broken socket' | 'logout'

/** The events of the play, for a screen or a log to show. */
export type CastEvent =
  /** A push showed what was done; `latencyMs` from the act (a login: from its first byte) to the push. */
  | { kind: 'seen'; userId: UserId; act: Act; platformId: PlatformId; latencyMs: number }
  | { kind: 'brokeOff'; userId: UserId; platformId: PlatformId }
  /** Back before the grace was over: no watcher was told anything. */
  | { kind: 'cameBack'; userId: UserId; platformId: PlatformId; awayMs: number }
  | { kind: 'kicked'; userId: UserId; platformId: PlatformId }

interface Stage {
  wsUrl: string
  admin: Admin
  report: (event: CastEvent) => void
  /** A login or a request failed although the gateway should serve it. */
  failed: (error: Error) => void
}

interface Pending {
  act: Act
  platformId: PlatformId
  isOnline: boolean
  atMs: number
}

class Player {
  readonly #stage: Stage
  readonly #open = new Map<PlatformId, OpenimClient>()
  readonly #tokens = new Map<PlatformId, string>()
  #pending: Pending[] = []
  #shown: PlatformId[] = []
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(
    readonly userId: UserId,
    stage: Stage,
  ) {
    this.#stage = stage
  }

  begin(): void {
    this.#next(Math.random() * PAUSE_MIN_MS)
  }

  /** The watcher was told: settle what this shows. */
  shown(platformIds: PlatformId[]): void {
    const nowMs = performance.now()
    const came = platformIds.filter((id) => !this.#shown.includes(id))
    const went = this.#shown.filter((id) => !platformIds.includes(id))
    this.#shown = platformIds
    for (const platformId of came) this.#settle(platformId, true, nowMs)
    for (const platformId of went) this.#settle(platformId, false, nowMs)
  }

  async end(): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#timer)
    await Promise.all([...this.#open.values()].map((client) => client.close()))
  }

  #next(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#act()
        .then((pauseMs) => {
          if (!this.#isOver) this.#next(pauseMs)
        })
        .catch((error: Error) => {
          if (!this.#isOver) this.#stage.failed(error)
        })
    }, delayMs)
  }

  /** Do one thing; returns how long to wait for the next. */
  async #act(): Promise<number> {
    const pauseMs = PAUSE_MIN_MS + Math.random() * (PAUSE_MAX_MS - PAUSE_MIN_MS)
    const [device] = [...this.#open.keys()]
    const dice = Math.random()
    if (device === undefined) await this.#login(pick(DEVICES), 'login')
    else if (dice < 0.35) await this.#secondDevice()
    else if (dice < 0.6) await this.#leave(device, 'close', (client) => client.close())
    else if (dice < 0.75) await this.#leave(device, 'logout', (client) => client.logout())
    else return this.#breakOff(device, pauseMs)
    return pauseMs
  }

  async #secondDevice(): Promise<void> {
    const device = pick(DEVICES.filter(({ platformId }) => !this.#open.has(platformId)))
    await this.#login(device, 'second device')
  }

  async #login(device: Device, act: Act): Promise<void> {
    const { platformId } = device
    const token = this.#tokens.get(platformId) ?? (await this.#stage.admin.userToken(this.userId, platformId))
    this.#tokens.set(platformId, token)
    const broken = this.#take(platformId, false)
    const atMs = performance.now()
    if (broken === undefined) this.#pending.push({ act, platformId, isOnline: true, atMs })
    const client = await OpenimClient.connect({
      url: this.#stage.wsUrl,
      token,
      userId: this.userId,
      ...device,
    })
    if (this.#isOver) return client.close()
    if (broken !== undefined) {
      const awayMs = atMs - broken.atMs
      this.#stage.report({ kind: 'cameBack', userId: this.userId, platformId, awayMs })
    }
    this.#open.set(platformId, client)
    client.once('kick', () => this.#stage.report({ kind: 'kicked', userId: this.userId, platformId }))
    client.once('close', () => {
      if (this.#open.get(platformId) === client) this.#open.delete(platformId)
    })
  }

  async #leave(
    platformId: PlatformId,
    act: Act,
    leave: (client: OpenimClient) => Promise<void>,
  ): Promise<void> {
    const client = this.#open.get(platformId)!
    this.#open.delete(platformId)
    // A gateway may revoke the token with a logout; a new one always fits.
    if (act === 'logout') this.#tokens.delete(platformId)
    this.#pending.push({ act, platformId, isOnline: false, atMs: performance.now() })
    await leave(client)
  }

  async #breakOff(platformId: PlatformId, pauseMs: number): Promise<number> {
    this.#stage.report({ kind: 'brokeOff', userId: this.userId, platformId })
    await this.#leave(platformId, 'broken socket', (client) => client.terminate())
    if (Math.random() > TUNNEL_PART) return pauseMs
    await new Promise((resolve) => setTimeout(resolve, TUNNEL_MS))
    if (!this.#isOver) await this.#login(DEVICES.find((one) => one.platformId === platformId)!, 'login')
    return pauseMs
  }

  #settle(platformId: PlatformId, isOnline: boolean, nowMs: number): void {
    const pending = this.#take(platformId, isOnline)
    if (pending === undefined) return
    const { act, atMs } = pending
    this.#stage.report({ kind: 'seen', userId: this.userId, act, platformId, latencyMs: nowMs - atMs })
  }

  #take(platformId: PlatformId, isOnline: boolean): Pending | undefined {
    const at = this.#pending.findIndex((one) => one.platformId === platformId && one.isOnline === isOnline)
    return at < 0 ? undefined : this.#pending.splice(at, 1)[0]
  }
}

export class Cast {
  readonly #players: Map<UserId, Player>

  /** At least one user. */
  constructor(users: number, stage: Stage) {
    const ids = Array.from({ length: users }, (_, n) => NAMES[n] ?? `user-${n + 1}`)
    this.#players = new Map(ids.map((id) => [id, new Player(id, stage)]))
  }

  get userIds(): UserId[] {
    return [...this.#players.keys()]
  }

  begin(): void {
    for (const player of this.#players.values()) player.begin()
  }

  /** A push arrived at the watcher. */
  shown(userId: UserId, platformIds: PlatformId[]): void {
    this.#players.get(userId)?.shown(platformIds)
  }

  /** Everybody goes home with a goodbye. */
  async end(): Promise<void> {
    await Promise.allSettled([...this.#players.values()].map((player) => player.end()))
  }
}

function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)]!
}
