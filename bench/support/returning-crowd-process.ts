/** A process of the returning crowd. */
import { SUCCESS_TEXT } from '../../src/openim/verdict.js'
import { LightSocket, type SocketEnd, type Target } from '../../src/sdk/light-socket.js'
import { randomOf } from '../load/choices.js'
import type { ReturningAnswer, ReturningOrder } from './returning-crowd.js'

/** Doubled after each failure; the wait is by chance between the half and the whole of it. */
const BACK_OFF_MS = 1_000
const BACK_OFF_MS_MAX = 16_000
const LOGIN_WITHIN_MS = 10_000
const VERDICT_BYTES = Buffer.byteLength(SUCCESS_TEXT)

/** One connection of a client: the verdict is the first and only frame that it is to get. */
class Connection extends LightSocket {
  constructor(
    target: Target,
    path: string,
    private readonly client: Client,
  ) {
    super(target, path, LOGIN_WITHIN_MS)
  }

  protected override onUpgraded(): void {
    this.endWithin(LOGIN_WITHIN_MS)
  }

  protected override onFrame(length: number): void {
    // Another length is a refusal, and the end follows.
    if (length !== VERDICT_BYTES) return
    this.endWithin(0)
    this.client.loggedIn()
  }

  protected override onEnded(end: SocketEnd): void {
    this.client.cutOff(end)
  }
}

class Client {
  #failures = 0
  /** Which count of the crowd its last login was for; a client that comes twice counts once. */
  counted = 0

  constructor(
    private readonly crowd: ReturningCrowdProcess,
    private readonly path: string,
  ) {}

  comeLater(): void {
    const backOffMs = Math.min(BACK_OFF_MS * 2 ** this.#failures, BACK_OFF_MS_MAX)
    setTimeout(() => this.#come(), backOffMs * (0.5 + this.crowd.random() / 2))
  }

  #come(): void {
    this.crowd.tries++
    new Connection(this.crowd.target, this.path, this)
  }

  loggedIn(): void {
    this.#failures = 0
    this.crowd.loggedIn(this)
  }

  cutOff({ isUpgraded }: SocketEnd): void {
    if (!isUpgraded) this.#failures++
    this.comeLater()
  }
}

class ReturningCrowdProcess {
  tries = 0
  readonly #clients: Client[]
  /** How often everybody was counted. */
  #count = 1
  #missing: number

  constructor(
    readonly target: Target,
    paths: readonly string[],
    readonly random: () => number,
  ) {
    this.#clients = paths.map((path) => new Client(this, path))
    this.#missing = paths.length
    for (const client of this.#clients) client.comeLater()
  }

  expectCut(): void {
    this.tries = 0
    this.#count++
    this.#missing = this.#clients.length
  }

  loggedIn(client: Client): void {
    if (client.counted === this.#count) return
    client.counted = this.#count
    if (--this.#missing === 0) answer({ verb: 'in', atNs: process.hrtime.bigint(), tries: this.tries })
  }
}

function answer(message: ReturningAnswer): void {
  process.send!(message)
}

let crowd: ReturningCrowdProcess
process.on('message', (order: ReturningOrder) => {
  if (order.verb === 'come') {
    const { port, paths, seed } = order
    crowd = new ReturningCrowdProcess({ host: '127.0.0.1', port }, paths, randomOf(seed))
    return
  }
  crowd.expectCut()
  answer({ verb: 'expecting' })
})
// Whoever started this has gone.
process.on('disconnect', () => process.exit(0))
