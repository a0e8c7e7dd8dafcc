/** The changing crowd itself: one event loop makes the changes and hears of them, so one clock times both. */
import type { SubUserOnlineStatusElem } from '../../src/openim/proto/openim.js'
import { type Account, LightClient, type LightEvents, type Refusal } from '../../src/sdk/light-client.js'
import type { SocketEnd, Target } from '../../src/sdk/light-socket.js'
import { startCpu } from '../support/measure.js'
import { answer } from './answer.js'
import type { ChangesDone, ChangingAnswer, ChangingOrder, Clients } from './changing.js'

/** No change takes so long; else one was not told. */
const TOLD_WITHIN_MS = 20_000
/** Timers are no finer. */
const TICK_MS = 1

/** One user, on one device. */
class User {
  /** What the last change made of them. */
  isOnline = false
  client: LightClient | undefined
  /** Under way: until the watcher was told, and the user's own socket is open or gone. */
  change: { dueMs: number; isTold: boolean; isSettled: boolean } | undefined
  /** When those were due that wait for it. */
  readonly waiting: number[] = []

  constructor(readonly account: Account) {}
}

/** A number of changes that are made and timed together. */
class Run {
  logins = 0
  readonly #latenciesMs: Float64Array
  readonly #lateMs: Float64Array
  #begun = 0
  #told = 0
  #finished = 0
  readonly #startMs = performance.now()
  #toldMs = 0
  readonly #cpuSeconds = startCpu()

  constructor(count: number) {
    this.#latenciesMs = new Float64Array(count)
    this.#lateMs = new Float64Array(count)
  }

  begun(dueMs: number): void {
    this.#lateMs[this.#begun++] = performance.now() - dueMs
  }

  told(dueMs: number): void {
    this.#toldMs = performance.now()
    this.#latenciesMs[this.#told++] = this.#toldMs - dueMs
  }

  /** Returns whether that was the last one. */
  finished(): boolean {
    return ++this.#finished === this.#latenciesMs.length
  }

  result(): ChangesDone {
    return {
      seconds: (this.#toldMs - this.#startMs) / 1_000,
      latenciesMs: this.#latenciesMs,
      lateMs: this.#lateMs,
      logins: this.logins,
      cpuSeconds: this.#cpuSeconds(),
    }
  }
}

class Changes {
  readonly #users: Map<string, User>
  readonly #inOrder: User[]
  readonly #target: Target
  #turn = 0
  #run: Run | undefined
  #afterEach: () => void = () => {}
  #deadline: NodeJS.Timeout | undefined

  constructor({ port, accounts }: Clients) {
    this.#target = { host: '127.0.0.1', port }
    this.#inOrder = accounts.map((account) => new User(account))
    this.#users = new Map(this.#inOrder.map((user) => [user.account.userId, user]))
  }

  /** Each of the watchers watches an equal part of the users. */
  async watch({ port, accounts }: Clients): Promise<void> {
    const userIds = [...this.#users.keys()]
    const part = Math.ceil(userIds.length / accounts.length)
    const target = { host: '127.0.0.1', port }
    await Promise.all(
      accounts.map(
        (account, n) =>
          new Promise<void>((resolve) => {
            const subscribed = () => resolve()
            const loggedIn = (client: LightClient) =>
              client.subscribe(userIds.slice(n * part, (n + 1) * part))
            const told = (statuses: SubUserOnlineStatusElem[]) => {
              for (const status of statuses) this.#told(status)
            }
            new LightClient(target, account, { ...surprised, loggedIn, subscribed, told, pushed() {} })
          }),
      ),
    )
  }

  keep(count: number, inFlight: number, pauseMs: number): void {
    this.#begin(count)
    let left = count
    const next = () => {
      if (left-- > 0) this.#change(performance.now())
    }
    this.#afterEach = pauseMs === 0 ? next : () => setTimeout(next, pauseMs)
    for (let n = 0; n < inFlight; n++) next()
  }

  pace(count: number, perSecond: number): void {
    this.#begin(count)
    this.#afterEach = () => {}
    const startMs = performance.now()
    let made = 0
    const tick = () => {
      for (;;) {
        if (made === count) return
        const dueMs = startMs + (made / perSecond) * 1_000
        if (dueMs > performance.now()) break
        made++
        this.#change(dueMs)
      }
      setTimeout(tick, TICK_MS)
    }
    tick()
  }

  #begin(count: number): void {
    this.#run = new Run(count)
    this.#awaitNext()
  }

  #awaitNext(): void {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => {
      throw new Error(`a change was not told within ${TOLD_WITHIN_MS} ms`)
    }, TOLD_WITHIN_MS)
  }

  /** By whose turn it is. */
  #change(dueMs: number): void {
    const user = this.#inOrder[this.#turn++ % this.#inOrder.length]!
    if (user.change === undefined) this.#make(user, dueMs)
    else user.waiting.push(dueMs)
  }

  #make(user: User, dueMs: number): void {
    this.#run!.begun(dueMs)
    user.change = { dueMs, isTold: false, isSettled: false }
    user.isOnline = !user.isOnline
    if (!user.isOnline) return user.client!.goodbye()
    this.#run!.logins++
    user.client = new LightClient(this.#target, user.account, {
      ...surprised,
      loggedIn: () => this.#settled(user),
      ended: (end, refusal) => (user.isOnline ? surprised.ended(end, refusal) : this.#settled(user)),
    })
  }

  #told({ userID, onlinePlatformIDs }: SubUserOnlineStatusElem): void {
    const user = this.#users.get(userID)!
    const { change } = user
    if (change === undefined || change.isTold || user.isOnline !== onlinePlatformIDs.length > 0) {
      throw new Error(`a push of ${userID} that no change explains`)
    }
    change.isTold = true
    this.#run!.told(change.dueMs)
    this.#awaitNext()
    this.#finish(user)
  }

  #settled(user: User): void {
    user.change!.isSettled = true
    this.#finish(user)
  }

  #finish(user: User): void {
    const { isTold, isSettled } = user.change!
    if (!isTold || !isSettled) return
    user.change = undefined
    const dueMs = user.waiting.shift()
    if (dueMs !== undefined) this.#make(user, dueMs)
    this.#afterEach()
    if (!this.#run!.finished()) return
    clearTimeout(this.#deadline)
    answer<ChangingAnswer>({ verb: 'done', ...this.#run!.result() })
  }
}

/** What is not to happen to anybody here. */
const surprised = {
  pushed: () => fail('a push to a user who watches nobody'),
  kicked: () => fail('a client was kicked'),
  ended: ({ closeCode, error }: SocketEnd, refusal: Refusal | undefined) =>
    fail(`a client ended: ${refusal?.text ?? error ?? closeCode ?? 'without a word'}`),
} satisfies LightEvents

function fail(reason: string): never {
  throw new Error(reason)
}

let changes: Changes

export async function obey(order: ChangingOrder): Promise<ChangingAnswer | undefined> {
  switch (order.verb) {
    case 'begin':
      changes = new Changes(order.users)
      await changes.watch(order.watchers)
      return { verb: 'begun' }
    case 'keep':
      changes.keep(order.count, order.inFlight, order.pauseMs)
      return undefined
    case 'pace':
      changes.pace(order.count, order.perSecond)
      return undefined
  }
}
