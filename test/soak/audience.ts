/** Clients that watch users, come and go, and change the users that they watch. */

import { Platform } from '../../src/openim/platforms.js'
import type { UserId } from '../../src/rules/types.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'

export interface AudienceOptions {
  watchers: number
  /** Users that each of them watches at any time. */
  watches: number
  url: string
  userIds: readonly UserId[]
  token(userId: UserId): Promise<string>
  random(): number
}

class Seat {
  client: OpenimClient | undefined
  readonly watched = new Set<UserId>()
  /** What it is doing. */
  busy: Promise<void> = Promise.resolve()
  isBusy = false

  constructor(
    readonly userId: UserId,
    readonly token: string,
  ) {}
}

export class Audience {
  readonly #seats: Seat[] = []
  #churn: NodeJS.Timeout | undefined

  private constructor(private readonly options: AudienceOptions) {}

  static async come(options: AudienceOptions): Promise<Audience> {
    const audience = new Audience(options)
    for (let n = 0; n < options.watchers; n++) {
      const userId = `watcher-${n}`
      const seat = new Seat(userId, await options.token(userId))
      audience.#seats.push(seat)
      await audience.#sit(seat)
    }
    return audience
  }

  get size(): number {
    return this.#seats.length
  }

  /** Watches, counted once for each watcher. */
  get subscriptions(): number {
    return this.#seats.reduce((sum, { watched }) => sum + watched.size, 0)
  }

  /** Users that anybody watches. */
  get watched(): number {
    return new Set(this.#seats.flatMap(({ watched }) => [...watched])).size
  }

  startChurn(perSecond: number): void {
    this.#churn = setInterval(() => {
      const seat = this.#seats[Math.floor(this.options.random() * this.#seats.length)]!
      if (seat.isBusy) return
      seat.isBusy = true
      seat.busy = (this.options.random() < 0.3 ? this.#comeAgain(seat) : this.#turn(seat)).finally(() => {
        seat.isBusy = false
      })
    }, 1_000 / perSecond)
  }

  /** Resolves when nobody is in the middle of something. Rejects when something failed. */
  async stopChurn(): Promise<void> {
    clearInterval(this.#churn)
    await Promise.all(this.#seats.map(({ busy }) => busy))
  }

  async leave(): Promise<void> {
    await this.stopChurn()
    await Promise.all(this.#seats.splice(0).map(({ client }) => client!.close()))
  }

  async #sit(seat: Seat): Promise<void> {
    const { url } = this.options
    const { userId, token } = seat
    const client = await OpenimClient.connect({ url, userId, platformId: Platform.Web, token })
    client.on('received', () => {
      client.history.length = 0
    })
    seat.client = client
    seat.watched.clear()
    await this.#watchMore(seat)
  }

  /** Breaks off, and sits down again. */
  async #comeAgain(seat: Seat): Promise<void> {
    await seat.client!.terminate()
    await this.#sit(seat)
  }

  /** It unsubscribes half of its users, and subscribes to others. */
  async #turn(seat: Seat): Promise<void> {
    const old = [...seat.watched].slice(0, Math.ceil(seat.watched.size / 2))
    await seat.client!.unsubscribe(old)
    for (const userId of old) seat.watched.delete(userId)
    await this.#watchMore(seat)
  }

  async #watchMore(seat: Seat): Promise<void> {
    const { userIds, watches, random } = this.options
    const wanted: UserId[] = []
    while (seat.watched.size < Math.min(watches, userIds.length)) {
      const userId = userIds[Math.floor(random() * userIds.length)]!
      if (seat.watched.has(userId)) continue
      seat.watched.add(userId)
      wanted.push(userId)
    }
    await seat.client!.subscribe(wanted)
  }
}
