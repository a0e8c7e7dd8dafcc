import fc from 'fast-check'
import t from 'tap'
import { Roster } from '../../src/presence/roster.js'
import type { PlatformId, UserId } from '../../src/presence/types.js'

const GRACE_MS = 100
const THREADS = 3

/** A socket, open or broken, or a place held without one. */
interface Place {
  userId: UserId
  platformId: PlatformId
  thread: number | undefined
  brokenAtMs: number | undefined
}

/** Every place there ever was; who is shown is worked out anew each time. */
class Model {
  nowMs = 0
  keys = 0
  places = new Map<number, Place>()

  constructor(readonly graceMs: number) {}

  open(userId?: UserId): [number, Place][] {
    return [...this.places].filter(
      ([, place]) => place.brokenAtMs === undefined && (userId === undefined || place.userId === userId),
    )
  }

  shown(userId: UserId): PlatformId[] {
    return this.platforms(
      userId,
      ({ brokenAtMs }) => brokenAtMs === undefined || brokenAtMs + this.graceMs > this.nowMs,
    )
  }

  reachable(userId: UserId): PlatformId[] {
    return this.platforms(userId, ({ brokenAtMs }) => brokenAtMs === undefined)
  }

  /** A new socket takes the place of broken ones: its clean end is the end of the platform. */
  replaceBroken(userId: UserId, platformId: PlatformId): void {
    for (const [key, place] of this.places) {
      if (place.userId !== userId || place.platformId !== platformId) continue
      if (place.brokenAtMs !== undefined) this.places.delete(key)
    }
  }

  gone(key: number, clean: boolean): void {
    const place = this.places.get(key)!
    if (clean) this.places.delete(key)
    else place.brokenAtMs = this.nowMs
  }

  private platforms(userId: UserId, counts: (place: Place) => boolean): PlatformId[] {
    const list = [...this.places.values()].filter((place) => place.userId === userId && counts(place))
    return [...new Set(list.map(({ platformId }) => platformId))].sort((a, b) => a - b)
  }
}

type Real = { roster: Roster }
type Command = fc.Command<Model, Real>

const USERS = ['ann', 'bob', 'cid']

/** Do one thing, and check that the roster says of every user what the model says, and reports the changes. */
function step(model: Model, { roster }: Real, change: () => Iterable<UserId>, apply: () => void): void {
  const before = new Map(USERS.map((userId) => [userId, model.shown(userId).join()]))
  const reported = new Set(change())
  apply()
  for (const userId of USERS) {
    const shown = model.shown(userId)
    if (roster.shownPlatforms(userId).join() !== shown.join()) {
      throw new Error(`${userId} is shown on [${roster.shownPlatforms(userId)}], should be on [${shown}]`)
    }
    if (roster.reachablePlatforms(userId).join() !== model.reachable(userId).join()) {
      throw new Error(`${userId} is reachable on [${roster.reachablePlatforms(userId)}]`)
    }
    const changed = before.get(userId) !== shown.join()
    if (changed !== reported.has(userId)) throw new Error(`${userId}: ${changed ? 'no' : 'needless'} report`)
  }
}

class Connect implements Command {
  constructor(
    readonly userId: UserId,
    readonly platformId: PlatformId,
    readonly thread: number,
    readonly background: boolean,
  ) {}
  check = () => true
  run(model: Model, real: Real): void {
    const { userId, platformId, thread, background } = this
    const key = ++model.keys
    step(
      model,
      real,
      () =>
        real.roster.connect(userId, { key, platformId, background: background, thread: thread, token: 'T' })
          ? [userId]
          : [],
      () => {
        model.replaceBroken(userId, platformId)
        model.places.set(key, { userId, platformId, thread, brokenAtMs: undefined })
      },
    )
  }
  toString = () => `connect(${this.userId}, ${this.platformId}, thread ${this.thread})`
}

/** The background flag of an open socket changed, or it was announced again. */
class Report implements Command {
  constructor(
    readonly which: number,
    readonly background: boolean,
  ) {}
  check = (model: Readonly<Model>) => model.open().some(([, { thread }]) => thread !== undefined)
  run(model: Model, real: Real): void {
    const sockets = model.open().filter(([, { thread }]) => thread !== undefined)
    const [key, { userId, platformId, thread }] = sockets[this.which % sockets.length]!
    step(
      model,
      real,
      () =>
        real.roster.connect(userId, {
          key,
          platformId,
          background: this.background,
          thread: thread!,
          token: 'T',
        })
          ? [userId]
          : [],
      () => model.replaceBroken(userId, platformId),
    )
  }
  toString = () => `report(${this.which})`
}

class Disconnect implements Command {
  constructor(
    readonly which: number,
    readonly clean: boolean,
  ) {}
  check = (model: Readonly<Model>) => model.open().length > 0
  run(model: Model, real: Real): void {
    const sockets = model.open()
    const [key, { userId }] = sockets[this.which % sockets.length]!
    step(
      model,
      real,
      () => (real.roster.disconnect(userId, key, this.clean, model.nowMs) ? [userId] : []),
      () => model.gone(key, this.clean),
    )
  }
  toString = () => `disconnect(${this.which}, ${this.clean ? 'clean' : 'broken'})`
}

/** A goodbye that is heard twice, or of a socket that was never heard of. */
class DisconnectUnknown implements Command {
  constructor(
    readonly userId: UserId,
    readonly clean: boolean,
  ) {}
  check = () => true
  run(model: Model, real: Real): void {
    const change = () =>
      real.roster.disconnect(this.userId, 999_999, this.clean, model.nowMs) ? [this.userId] : []
    step(model, real, change, () => {})
  }
  toString = () => `disconnectUnknown(${this.userId})`
}

class LoseThread implements Command {
  constructor(readonly thread: number) {}
  check = () => true
  run(model: Model, real: Real): void {
    step(
      model,
      real,
      () => real.roster.loseThread(this.thread, model.nowMs),
      () => {
        for (const [key, place] of model.open()) if (place.thread === this.thread) model.gone(key, false)
      },
    )
  }
  toString = () => `loseThread(${this.thread})`
}

class Hold implements Command {
  constructor(
    readonly userId: UserId,
    readonly platformId: PlatformId,
  ) {}
  check = () => true
  run(model: Model, { roster }: Real): void {
    // Whom it holds was shown before, by a former life of the shard: nothing is reported.
    roster.hold(this.userId, this.platformId, model.nowMs)
    if (model.shown(this.userId).includes(this.platformId)) return
    const { userId, platformId } = this
    model.places.set(++model.keys, { userId, platformId, thread: undefined, brokenAtMs: model.nowMs })
    step(
      model,
      { roster },
      () => [],
      () => {},
    )
  }
  toString = () => `hold(${this.userId}, ${this.platformId})`
}

/** Time goes by; the grace timer is heard whenever the roster asked for it, and perhaps once more. */
class Wait implements Command {
  constructor(
    readonly ms: number,
    readonly looksAgain: boolean,
  ) {}
  check = () => true
  run(model: Model, real: Real): void {
    const untilMs = model.nowMs + this.ms
    for (let dueMs = real.roster.graceDueMs(); dueMs !== undefined; dueMs = real.roster.graceDueMs()) {
      if (dueMs > untilMs) break
      if (dueMs < model.nowMs) throw new Error(`grace due in the past, at ${dueMs}`)
      this.endGrace(model, real, dueMs)
    }
    if (this.looksAgain) this.endGrace(model, real, untilMs)
    model.nowMs = untilMs
  }
  endGrace(model: Model, real: Real, nowMs: number): void {
    const before = new Map(USERS.map((userId) => [userId, model.shown(userId).join()]))
    model.nowMs = nowMs
    const changed = new Set(real.roster.endGrace(nowMs))
    for (const userId of USERS) {
      const shown = model.shown(userId).join()
      if (real.roster.shownPlatforms(userId).join() !== shown)
        throw new Error(`${userId} after the grace: not [${shown}]`)
      if (changed.has(userId) !== (before.get(userId) !== shown))
        throw new Error(`${userId}: wrong report of the grace`)
    }
  }
  toString = () => `wait(${this.ms})`
}

const user = fc.constantFrom(...USERS)
const platform = fc.integer({ min: 1, max: 3 })
const thread = fc.nat(THREADS - 1)
const commands = fc.commands<Model, Real>(
  [
    fc.tuple(user, platform, thread, fc.boolean()).map((args) => new Connect(...args)),
    fc.tuple(user, platform, thread, fc.boolean()).map((args) => new Connect(...args)),
    fc.tuple(fc.nat(20), fc.boolean()).map((args) => new Report(...args)),
    fc.tuple(fc.nat(20), fc.boolean()).map((args) => new Disconnect(...args)),
    fc.tuple(user, fc.boolean()).map((args) => new DisconnectUnknown(...args)),
    thread.map((lost) => new LoseThread(lost)),
    fc.tuple(user, platform).map((args) => new Hold(...args)),
    fc.tuple(fc.nat(GRACE_MS * 2), fc.boolean()).map((args) => new Wait(...args)),
  ],
  { maxCommands: 60 },
)

t.test(
  'who is shown and who is reachable follows from the sockets, and every change is reported once',
  async () => {
    fc.assert(
      fc.property(commands, (cmds) => {
        fc.modelRun(() => ({ model: new Model(GRACE_MS), real: { roster: new Roster(GRACE_MS) } }), cmds)
      }),
      { numRuns: 1_000 },
    )
  },
)

t.test('with a grace of nothing a broken socket is gone at once', async (t) => {
  const roster = new Roster(0)
  roster.connect('ann', { key: 1, platformId: 5, background: false, thread: 0, token: 'T' })
  t.equal(roster.disconnect('ann', 1, false, 10), true)
  t.same(roster.shownPlatforms('ann'), [])
  t.equal(roster.graceDueMs(), undefined)
})

t.test('a user who broke off is shown for the grace, and unreachable at once', async (t) => {
  const roster = new Roster(GRACE_MS)
  roster.connect('ann', { key: 1, platformId: 5, background: false, thread: 0, token: 'T' })
  roster.disconnect('ann', 1, false, 1_000)
  t.same([roster.shownPlatforms('ann'), roster.reachablePlatforms('ann')], [[5], []])
  t.equal(roster.graceDueMs(), 1_000 + GRACE_MS)
  t.same(roster.endGrace(1_000 + GRACE_MS - 1), [])
  t.same(roster.endGrace(1_000 + GRACE_MS), ['ann'])
  t.same(roster.shownPlatforms('ann'), [])
})

t.test(
  'a user who is gone is forgotten only once the store was told, with the highest version until then',
  async (t) => {
    const roster = new Roster(GRACE_MS)
    roster.connect('ann', { key: 1, platformId: 5, background: false, thread: 0, token: 'T' })
    roster.saw('ann', 7)
    roster.saw('ann', 3)
    t.equal(roster.versionOf('ann'), 7)
    t.equal(roster.forgetIfGone('ann'), false)
    roster.disconnect('ann', 1, true, 0)
    t.equal(roster.size, 1)
    t.equal(roster.versionOf('ann'), 7)
    t.equal(roster.forgetIfGone('ann'), true)
    t.same([roster.size, roster.versionOf('ann'), [...roster.userIds]], [0, 0, []])
    roster.saw('ann', 9)
    t.equal(roster.size, 0, 'a late answer brings nobody back')
  },
)
