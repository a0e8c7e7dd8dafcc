/** The returning crowd itself. */
import { type Account, LightClient, type LightEvents } from '../../src/sdk/light-client.js'
import type { SocketEnd, Target } from '../../src/sdk/light-socket.js'
import { randomOf } from '../load/choices.js'
import { answer } from './answer.js'
import type { ReturningAnswer, ReturningOrder } from './returning.js'

/** Doubled after each failure; the wait is by chance between the half and the whole of it. */
const BACK_OFF_MS = 1_000
const BACK_OFF_MS_MAX = 16_000

/** One client through all its connections. */
class Returner implements LightEvents {
  #failures = 0
  /** Which count of the crowd its last login was for; a client that comes twice counts once. */
  counted = 0

  constructor(
    private readonly crowd: ReturningClients,
    private readonly account: Account,
  ) {}

  comeLater(): void {
    const backOffMs = Math.min(BACK_OFF_MS * 2 ** this.#failures, BACK_OFF_MS_MAX)
    setTimeout(() => this.#come(), backOffMs * (0.5 + this.crowd.random() / 2))
  }

  #come(): void {
    this.crowd.tries++
    new LightClient(this.crowd.target, this.account, this)
  }

  loggedIn(): void {
    this.#failures = 0
    this.crowd.loggedIn(this)
  }

  ended({ isUpgraded }: SocketEnd): void {
    if (!isUpgraded) this.#failures++
    this.comeLater()
  }
}

class ReturningClients {
  tries = 0
  readonly #clients: Returner[]
  /** How often everybody was counted. */
  #count = 1
  #missing: number

  constructor(
    readonly target: Target,
    accounts: readonly Account[],
    readonly random: () => number,
  ) {
    this.#clients = accounts.map((account) => new Returner(this, account))
    this.#missing = accounts.length
    for (const client of this.#clients) client.comeLater()
  }

  expectCut(): void {
    this.tries = 0
    this.#count++
    this.#missing = this.#clients.length
  }

  loggedIn(client: Returner): void {
    if (client.counted === this.#count) return
    client.counted = this.#count
    if (--this.#missing === 0) {
      answer<ReturningAnswer>({ verb: 'in', atNs: process.hrtime.bigint(), tries: this.tries })
    }
  }
}

let crowd: ReturningClients

export function obey(order: ReturningOrder): ReturningAnswer | undefined {
  if (order.verb === 'come') {
    const { port, accounts, seed } = order
    crowd = new ReturningClients({ host: '127.0.0.1', port }, accounts, randomOf(seed))
    return undefined
  }
  crowd.expectCut()
  return { verb: 'expecting' }
}
