import fc from 'fast-check'
import t from 'tap'
import { AdaptiveBatch, type BatchLimits } from '../../src/rules/presence/adaptive-batch.js'
import type { UserId } from '../../src/rules/types.js'

const REST_MS = 70

/** What should be so, in the plainest words: everything is looked at every time. */
class Model {
  nowMs = 0
  /** Who waits outside of a flight, and since when. */
  waiting = new Map<UserId, number>()
  /** Who changed again during the own flight, and when. */
  changedAgain = new Map<UserId, number>()
  /** Who failed alone, and until when they rest. */
  resting = new Map<UserId, number>()
  background = new Set<UserId>()
  backgroundFlight: UserId[] | undefined
  flights: UserId[][] = []

  constructor(readonly limits: BatchLimits) {}

  isFlying(userId: UserId): boolean {
    return this.allFlights.some((batch) => batch.includes(userId))
  }

  get allFlights(): UserId[][] {
    return this.backgroundFlight === undefined ? this.flights : [...this.flights, this.backgroundFlight]
  }

  add(userId: UserId): void {
    this.background.delete(userId)
    if (this.resting.has(userId)) return
    const since = this.isFlying(userId) ? this.changedAgain : this.waiting
    if (!since.has(userId)) since.set(userId, this.nowMs)
  }

  addBackground(userId: UserId): void {
    if (this.isFlying(userId)) this.add(userId)
    else if (!this.waiting.has(userId) && !this.resting.has(userId)) this.background.add(userId)
  }

  get oldestMs(): number {
    return Math.min(...this.waiting.values())
  }

  get hasFreeFlight(): boolean {
    return this.flights.length < this.limits.flightsMax
  }

  /** Whether a batch has to go now. */
  get isDue(): boolean {
    if (this.waiting.size === 0 || !this.hasFreeFlight) return false
    const { batchSize, mergeIntervalMs } = this.limits
    const isQuiet = this.flights.length === 0
    return isQuiet || this.waiting.size >= batchSize || this.nowMs >= this.oldestMs + mergeIntervalMs
  }

  depart(batch: UserId[]): void {
    for (const userId of batch) this.waiting.delete(userId)
    this.flights.push(batch)
  }

  wake(): void {
    for (const [userId, untilMs] of this.resting) {
      if (untilMs > this.nowMs) continue
      this.resting.delete(userId)
      this.waiting.set(userId, this.nowMs)
    }
  }

  /** When a batch may have to go if nothing else happens. */
  get dueMs(): number | undefined {
    if (!this.hasFreeFlight) return undefined
    const dueMs = Math.min(this.oldestMs + this.limits.mergeIntervalMs, ...this.resting.values())
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs
  }

  land(flight: UserId[], failed: ReadonlySet<UserId>, restMs: number): void {
    const isBackground = flight === this.backgroundFlight
    if (isBackground) this.backgroundFlight = undefined
    this.flights = this.flights.filter((batch) => batch !== flight)
    for (const userId of flight) {
      const againMs = this.changedAgain.get(userId)
      this.changedAgain.delete(userId)
      if (failed.has(userId) && restMs > 0) this.resting.set(userId, this.nowMs + restMs)
      else if (againMs !== undefined) this.waiting.set(userId, againMs)
      else if (failed.has(userId) && isBackground) this.background.add(userId)
      else if (failed.has(userId)) this.waiting.set(userId, this.nowMs)
    }
  }
}

type Real = { batch: AdaptiveBatch }
type Command = fc.Command<Model, Real>

class Add implements Command {
  constructor(readonly userId: UserId) {}
  check = () => true
  run(model: Model, { batch }: Real): void {
    model.add(this.userId)
    batch.add(this.userId, model.nowMs)
    if (!batch.has(this.userId)) throw new Error(`${this.userId} is not there`)
  }
  toString = () => `add(${this.userId})`
}

class AddBackground implements Command {
  constructor(readonly userId: UserId) {}
  check = () => true
  run(model: Model, { batch }: Real): void {
    model.addBackground(this.userId)
    batch.addBackground(this.userId, model.nowMs)
    if (!batch.has(this.userId)) throw new Error(`${this.userId} is not there`)
  }
  toString = () => `addBackground(${this.userId})`
}

class Remove implements Command {
  constructor(readonly userId: UserId) {}
  check = (model: Readonly<Model>) => !model.isFlying(this.userId)
  run(model: Model, { batch }: Real): void {
    for (const users of [model.waiting, model.resting, model.background]) users.delete(this.userId)
    batch.remove(this.userId)
    if (batch.has(this.userId)) throw new Error(`${this.userId} is still there`)
  }
  toString = () => `remove(${this.userId})`
}

class TakeBackground implements Command {
  check = () => true
  run(model: Model, { batch }: Real): void {
    takeBackground(model, batch)
  }
  toString = () => 'takeBackground'
}

/** The same for the background. */
function takeBackground(model: Model, batch: AdaptiveBatch): boolean {
  const isDue = model.background.size > 0 && model.backgroundFlight === undefined
  const taken = batch.takeBackground()
  if ((taken !== undefined) !== isDue) throw new Error(`${taken ? 'a' : 'no'} batch of the background`)
  if (taken === undefined) return false
  if (taken.length !== Math.min(model.limits.batchSize, model.background.size))
    throw new Error(`a batch of ${taken.length}`)
  for (const userId of taken) if (!model.background.delete(userId)) throw new Error(`${userId} does not wait`)
  model.backgroundFlight = taken
  return true
}

class Wait implements Command {
  constructor(readonly ms: number) {}
  check = () => true
  run(model: Model): void {
    model.nowMs += this.ms
  }
  toString = () => `wait(${this.ms})`
}

class Take implements Command {
  check = () => true
  run(model: Model, { batch }: Real): void {
    take(model, batch)
  }
  toString = () => 'take'
}

/** Take, and check all that is promised of a batch. True = there was one. */
function take(model: Model, batch: AdaptiveBatch): boolean {
  const { batchSize } = model.limits
  if (batch.dueMs() !== model.dueMs) throw new Error(`due at ${batch.dueMs()}, should be at ${model.dueMs}`)
  model.wake()
  const { isDue } = model
  const taken = batch.take(model.nowMs)
  if ((taken !== undefined) !== isDue) throw new Error(`${taken ? 'a' : 'no'} batch at ${model.nowMs}`)
  if (taken === undefined) return false
  if (taken.length !== Math.min(batchSize, model.waiting.size)) throw new Error(`a batch of ${taken.length}`)
  if (new Set(taken).size !== taken.length) throw new Error('a user twice in a batch')
  for (const userId of taken) {
    if (!model.waiting.has(userId)) throw new Error(`${userId} does not wait, or is in flight`)
  }
  model.depart(taken)
  return true
}

class Land implements Command {
  constructor(
    readonly flight: number,
    readonly failing: number,
    readonly isAlone: boolean,
  ) {}
  check = (model: Readonly<Model>) => model.allFlights.length > 0
  run(model: Model, { batch }: Real): void {
    const flight = model.allFlights[this.flight % model.allFlights.length]!
    // Each bit of `failing` is one user of the flight.
    const failed = new Set(flight.filter((_, at) => (this.failing >> (at % 30)) & 1))
    const restMs = this.isAlone ? REST_MS : 0
    const settled = batch.land(flight, failed, model.nowMs, restMs)
    model.land(flight, failed, restMs)
    const silent = flight.filter((userId) => !batch.has(userId))
    if (settled.join() !== silent.join()) throw new Error(`${settled} are settled, should be ${silent}`)
  }
  toString = () => `land(${this.flight}, ${this.failing}${this.isAlone ? ', alone' : ''})`
}

const limits = fc.record({
  batchSize: fc.integer({ min: 1, max: 6 }),
  mergeIntervalMs: fc.integer({ min: 1, max: 100 }),
  flightsMax: fc.integer({ min: 1, max: 3 }),
})

const commands = fc.commands<Model, Real>(
  [
    fc.nat(9).map((n) => new Add(`user-${n}`)),
    fc.nat(120).map((ms) => new Wait(ms)),
    fc.nat(9).map((n) => new AddBackground(`user-${n}`)),
    fc.nat(9).map((n) => new Remove(`user-${n}`)),
    fc.constant(new Take()),
    fc.constant(new TakeBackground()),
    fc
      .record({ flight: fc.nat(5), failing: fc.nat(2 ** 30), isAlone: fc.boolean() })
      .map(({ flight, failing, isAlone }) => new Land(flight, failing, isAlone)),
  ],
  { maxCommands: 80 },
)

t.test(
  'batches go when they have to and never before, and nobody waits too long, is lost or flies twice',
  async (t) => {
    const found = fc.check(
      fc.property(limits, commands, (limits, cmds) => {
        const setup = () => ({ model: new Model(limits), real: { batch: new AdaptiveBatch(limits) } })
        const { model, real } = setup()
        fc.modelRun(() => ({ model, real }), cmds)
        // Nothing is lost: whoever waits is taken in the end.
        for (let round = 0; real.batch.size > 0; round++) {
          if (round > 200) throw new Error(`${real.batch.size} users are never taken`)
          model.nowMs += REST_MS
          while (take(model, real.batch));
          takeBackground(model, real.batch)
          const [flight] = model.allFlights
          if (flight === undefined) continue
          real.batch.land(flight, new Set(), model.nowMs)
          model.land(flight, new Set(), 0)
        }
        const left = [model.waiting, model.changedAgain, model.resting, model.background]
        return left.every(({ size }) => size === 0)
      }),
      { numRuns: 3_000 },
    )
    t.notOk(found.failed, fc.defaultReportMessage(found) ?? 'holds')
  },
)

const usual: BatchLimits = { batchSize: 3, mergeIntervalMs: 1_000, flightsMax: 2 }
const none: ReadonlySet<UserId> = new Set()

t.test('repetitions hold up no change, and one batch of them flies at a time', async (t) => {
  const batch = new AdaptiveBatch(usual)
  for (const userId of ['ann', 'bob', 'cid', 'dan', 'eve']) batch.addBackground(userId, 0)
  const flight = batch.takeBackground()!
  t.same(flight, ['ann', 'bob', 'cid'])
  t.equal(batch.takeBackground(), undefined)
  batch.add('eve', 1)
  batch.add('ann', 1)
  t.same(batch.take(1), ['eve'], 'at once, as in quiet')
  batch.land(flight, new Set(['bob']), 2)
  t.same(batch.takeBackground(), ['dan', 'bob'])
})

t.test('a change in quiet goes at once and alone', async (t) => {
  const batch = new AdaptiveBatch(usual)
  batch.add('ann', 0)
  t.same(batch.take(0), ['ann'])
  t.equal(batch.take(0), undefined)
})

t.test(
  'changes during a flight gather: a full batch goes at once, others at the end of the merge interval',
  async (t) => {
    const batch = new AdaptiveBatch(usual)
    batch.add('ann', 0)
    batch.take(0)
    batch.add('bob', 10)
    batch.add('cid', 20)
    t.equal(batch.take(1_009), undefined)
    t.equal(batch.dueMs(), 1_010)
    t.same(batch.take(1_010), ['bob', 'cid'])

    const full = new AdaptiveBatch(usual)
    full.add('ann', 0)
    full.take(0)
    for (const userId of ['bob', 'cid', 'dan', 'eve']) full.add(userId, 10)
    t.same(full.take(10), ['bob', 'cid', 'dan'])
    t.equal(full.take(10), undefined, 'two are in flight')
  },
)

t.test('a user who changes however often is one of the batch', async (t) => {
  const batch = new AdaptiveBatch(usual)
  for (let n = 0; n < 1_000; n++) batch.add('ann', n)
  t.equal(batch.size, 1)
  t.same(batch.take(1_000), ['ann'])
})

t.test('a user who changes during the own flight goes again after it, not beside it', async (t) => {
  const batch = new AdaptiveBatch(usual)
  batch.add('ann', 0)
  const flight = batch.take(0)!
  batch.add('ann', 5)
  t.equal(batch.take(5_000), undefined)
  batch.land(flight, none, 5_000)
  t.same(batch.take(5_000), ['ann'])
})

t.test('who failed goes behind those who wait already: whoever always fails holds up nobody', async (t) => {
  const batch = new AdaptiveBatch({ ...usual, flightsMax: 1 })
  for (const userId of ['ann', 'bob', 'cid']) batch.add(userId, 0)
  const flight = batch.take(0)!
  for (const userId of ['dan', 'eve', 'fay']) batch.add(userId, 10)
  batch.land(flight, new Set(flight), 20)
  const next = batch.take(20)!
  t.same(next, ['dan', 'eve', 'fay'])
  batch.land(next, none, 30)
  t.same(batch.take(30), ['ann', 'bob', 'cid'])
})

t.test('a user who failed alone rests, and no other user waits', async (t) => {
  const batch = new AdaptiveBatch({ ...usual, flightsMax: 1 })
  for (const userId of ['ann', 'bob']) batch.add(userId, 0)
  batch.land(batch.take(0)!, new Set(['ann']), 20, 1_000)
  batch.add('ann', 30)
  batch.add('cid', 30)
  const flight = batch.take(30)!
  t.same(flight, ['cid'])
  batch.land(flight, none, 40)
  t.same([batch.take(1_019), batch.dueMs()], [undefined, 1_020])
  t.same(batch.take(1_020), ['ann'])
})

t.test('who changed during the own flight waits no longer than the merge interval after it', async (t) => {
  const batch = new AdaptiveBatch(usual)
  batch.add('ann', 0)
  const first = batch.take(0)!
  for (const userId of ['bob', 'cid', 'dan']) batch.add(userId, 0)
  batch.take(0)
  batch.add('ann', 10)
  batch.add('eve', 900)
  batch.land(first, none, 950)
  t.equal(batch.dueMs(), 1_010)
  t.ok(batch.take(1_010)?.includes('ann'))
})
