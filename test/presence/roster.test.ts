import fc from 'fast-check'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { ADMIN_KICK, type Eviction, TOKEN_ONLY } from '../../src/rules/logins/eviction.js'
import {
  type ConnectionKey,
  lastOfEachDevice,
  type Obeying,
  PROBED_MAX,
  Roster,
  UNNUMBERED,
} from '../../src/rules/presence/roster.js'
import type { LoginNumber, PlatformId, UserId } from '../../src/rules/types.js'

const GRACE_MS = 100
const THREADS = 3

/** A socket, open or broken, or a place held without one. */
interface Place {
  key: ConnectionKey
  userId: UserId
  platformId: PlatformId
  thread: number | undefined
  token: string
  number: LoginNumber | undefined
  isAsked: boolean
  isLeaving: boolean
  brokenAtMs: number | undefined
}

/** Every place there ever was; which ones are shown, and in which order they came, is worked out anew each time. */
class Model {
  nowMs = 0
  keys = 0
  numbers: LoginNumber = UNNUMBERED
  places = new Map<ConnectionKey, Place>()

  constructor(readonly graceMs: number) {}

  add(place: Pick<Place, 'userId' | 'platformId' | 'thread' | 'token' | 'number' | 'brokenAtMs'>): void {
    const key = ++this.keys
    this.places.set(key, { ...place, key, isAsked: false, isLeaving: false })
  }

  open(userId?: UserId): [number, Place][] {
    return [...this.places].filter(
      ([, place]) => place.brokenAtMs === undefined && (userId === undefined || place.userId === userId),
    )
  }

  /** The user's places whose grace is not over: first those held without a socket, then by number, then who waits. */
  inOrder(userId: UserId): Place[] {
    const rank = ({ thread, number }: Place) => (thread === undefined ? -1 : (number ?? ADMIN_KICK))
    return [...this.places.values()]
      .filter((place) => place.userId === userId && this.isHeld(place))
      .sort((a, b) => rank(a) - rank(b))
  }

  logins(userId: UserId): Place[] {
    return this.inOrder(userId).filter(({ brokenAtMs, isLeaving }) => brokenAtMs === undefined && !isLeaving)
  }

  isWaiting(userId: UserId): boolean {
    return this.inOrder(userId).some(({ number, isAsked }) => number === undefined && !isAsked)
  }

  shown(userId: UserId): PlatformId[] {
    return this.platforms(userId, (place) => this.isHeld(place))
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

  /** Keys of those that have to go: a socket is only on its way out, the others vanish. */
  send(places: Place[]): ConnectionKey[] {
    for (const place of places) {
      if (place.brokenAtMs === undefined) place.isLeaving = true
      else this.places.delete(place.key)
    }
    return places.filter(({ brokenAtMs }) => brokenAtMs === undefined).map(({ key }) => key)
  }

  private isHeld({ brokenAtMs }: Place): boolean {
    return brokenAtMs === undefined || brokenAtMs + this.graceMs > this.nowMs
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
    same(loginsOf(roster.logins(userId)), loginsOf(model.logins(userId)), `logins of ${userId}`)
    same(String(roster.isWaiting(userId)), String(model.isWaiting(userId)), `whether ${userId} waits`)
    const { platformIds, isWaiting } = roster.standingOf(userId)
    same(
      `${platformIds} ${isWaiting}`,
      `${shown} ${model.isWaiting(userId)}`,
      `what is to be said of ${userId}`,
    )
  }
}

function loginsOf(logins: readonly { key: ConnectionKey; number: LoginNumber | undefined }[]): string {
  return logins.map(({ key, number }) => `${key}: ${number ?? 'waits'}`).join()
}

function same(found: string, expected: string, what: string): void {
  if (found !== expected) throw new Error(`${what}: [${found}], should be [${expected}]`)
}

/** A socket that is new, or that was announced: of those the number is not known, only that it is old. */
class Connect implements Command {
  constructor(
    readonly userId: UserId,
    readonly platformId: PlatformId,
    readonly thread: number,
    readonly token: string,
    readonly isAnnounced: boolean,
  ) {}
  check = () => true
  run(model: Model, real: Real): void {
    const { userId, platformId, thread, token } = this
    const number = this.isAnnounced ? UNNUMBERED : undefined
    const login = { key: model.keys + 1, platformId, background: false, thread, token }
    step(
      model,
      real,
      () => (real.roster.connect(userId, login, number) ? [userId] : []),
      () => {
        model.replaceBroken(userId, platformId)
        model.add({ userId, platformId, thread, token, number, brokenAtMs: undefined })
      },
    )
  }
  toString = () =>
    `${this.isAnnounced ? 'announce' : 'connect'}(${this.userId}, ${this.platformId}, thread ${this.thread}, ${this.token})`
}

/** The background flag of an open socket changed, or it was announced again. */
class Report implements Command {
  constructor(
    readonly which: number,
    readonly background: boolean,
    /** Whatever number it comes with, it has its own. */
    readonly number: LoginNumber | undefined,
  ) {}
  check = (model: Readonly<Model>) => model.open().some(([, { thread }]) => thread !== undefined)
  run(model: Model, real: Real): void {
    const sockets = model.open().filter(([, { thread }]) => thread !== undefined)
    const [key, { userId, platformId, thread, token }] = sockets[this.which % sockets.length]!
    const login = { key, platformId, background: this.background, thread: thread!, token }
    step(
      model,
      real,
      () => (real.roster.connect(userId, login, this.number) ? [userId] : []),
      () => {},
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
    // An earlier life of the shard showed these users already: nothing is reported.
    roster.hold(this.userId, this.platformId, model.nowMs)
    if (model.shown(this.userId).includes(this.platformId)) return
    const { userId, platformId } = this
    model.add({
      userId,
      platformId,
      thread: undefined,
      token: '',
      number: UNNUMBERED,
      brokenAtMs: model.nowMs,
    })
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

class AskNumbers implements Command {
  constructor(readonly userId: UserId) {}
  check = () => true
  run(model: Model, real: Real): void {
    const apply = () => {
      for (const place of model.inOrder(this.userId)) place.isAsked = place.number === undefined
    }
    const ask = () => {
      real.roster.askNumbers(this.userId)
      return []
    }
    step(model, real, ask, apply)
  }
  toString = () => `askNumbers(${this.userId})`
}

/** The store has answered, or not. */
class Answer implements Command {
  constructor(
    readonly userId: UserId,
    readonly comes: boolean,
  ) {}
  check = () => true
  run(model: Model, real: Real): void {
    const number = this.comes ? ++model.numbers : undefined
    const asked = model.inOrder(this.userId).filter(({ isAsked }) => isAsked)
    const give = () => {
      const { roster } = real
      const given =
        number === undefined ? roster.unrecorded(this.userId) : roster.recorded(this.userId, number)
      same(given.map(({ key }) => key).join(), asked.map(({ key }) => key).join(), `who was given ${number}`)
      return []
    }
    const apply = () => {
      for (const place of asked) Object.assign(place, { number, isAsked: false })
    }
    step(model, real, give, apply)
  }
  toString = () => `answer(${this.userId}, ${this.comes ? 'the next' : 'none'})`
}

type Order = Omit<Eviction, 'userId' | 'connectionId'> & { which?: number }

/** An eviction from elsewhere, of whatever form. */
class Evict implements Command {
  constructor(
    readonly userId: UserId,
    readonly order: Order,
  ) {}
  check = () => true
  run(model: Model, real: Real): void {
    const { userId } = this
    const { which, ...order } = this.order
    const { before, newcomer } = order
    const sockets = model.open(userId)
    // One more than there are: a connection that is not there any more.
    const key = which === undefined ? undefined : (sockets[which % (sockets.length + 1)]?.[0] ?? 999_999)
    const places = model.inOrder(userId)
    const isOwn = (place: Place) => place.token === newcomer && place.brokenAtMs === undefined
    const probed = places.filter(
      (place) => isOwn(place) && !place.isLeaving && (place.number ?? UNNUMBERED) <= before,
    )
    const meant = places.filter((place) => !isOwn(place) && isMeant(place, { ...order, key }))
    const mustWait = (place: Place) =>
      place.number === undefined && place.brokenAtMs === undefined && before !== ADMIN_KICK
    const obeys = (place: Place) => !mustWait(place) && (place.number ?? UNNUMBERED) < before
    let found = ''
    const evict = () => {
      const obeying = real.roster.evict({ userId, ...order, key })
      found = metBy(obeying)
      same(String(obeying.isWaiting), String(meant.some(mustWait)), 'whether it waits')
      return obeying.isChanged ? [userId] : []
    }
    const apply = () => {
      const expected = { probed: probed.map((place) => place.key), leaving: model.send(meant.filter(obeys)) }
      same(found, metBy(expected), 'who was met')
    }
    step(model, real, evict, apply)
  }
  toString = () => `evict(${this.userId}, ${JSON.stringify(this.order)})`
}

function isMeant(place: Place, order: Order & { key?: ConnectionKey | undefined }): boolean {
  const { platformIds, key, token, spares } = order
  if (platformIds !== undefined && !platformIds.includes(place.platformId)) return false
  if (key !== undefined && (place.key !== key || place.thread === undefined)) return false
  if (token !== undefined && place.token !== token) return false
  return spares === undefined || place.token !== spares
}

/** A login here removes those that came before it. */
class EvictBefore implements Command {
  constructor(
    readonly userId: UserId,
    readonly which: number,
    readonly platformIds: PlatformId[],
  ) {}
  check = () => true
  run(model: Model, real: Real): void {
    const { userId, platformIds } = this
    const sockets = model.open(userId)
    const key = sockets[this.which % (sockets.length + 1)]?.[0] ?? 999_999
    const places = model.inOrder(userId)
    const at = places.findIndex((place) => place.key === key && place.thread !== undefined)
    const before = places.slice(0, Math.max(0, at))
    const isOwn = (one: Place) => one.token === places[at]?.token && one.brokenAtMs === undefined
    const probed = before.filter((one) => isOwn(one) && !one.isLeaving)
    const meant = before.filter((one) => !isOwn(one) && platformIds.includes(one.platformId))
    let found = ''
    const evict = () => {
      const obeying = real.roster.evictBefore(userId, key, platformIds)
      found = metBy(obeying)
      same(String(obeying.isWaiting), 'false', 'whether it waits')
      return obeying.isChanged ? [userId] : []
    }
    const apply = () => {
      const expected = { probed: probed.map((place) => place.key), leaving: model.send(meant) }
      same(found, metBy(expected), 'who was met')
    }
    step(model, real, evict, apply)
  }
  toString = () => `evictBefore(${this.userId}, ${this.which}, [${this.platformIds}])`
}

function metBy({ leaving, probed }: Pick<Obeying, 'leaving' | 'probed'>): string {
  return `${leaving} leave, ${probed} are probed`
}

const PLATFORMS = [1, 2, 3]
const user = fc.constantFrom(...USERS)
const platform = fc.constantFrom(...PLATFORMS)
const platforms = fc.subarray(PLATFORMS)
const thread = fc.nat(THREADS - 1)
const token = fc.constantFrom('t1', 't2', 't3')
const order: fc.Arbitrary<Order> = fc.record(
  {
    before: fc.oneof(fc.nat(12), fc.constantFrom(UNNUMBERED, TOKEN_ONLY, ADMIN_KICK)),
    platformIds: platforms,
    which: fc.nat(6),
    token,
    spares: token,
    newcomer: token,
  },
  { requiredKeys: ['before'] },
)
const connect = fc
  .tuple(user, platform, thread, token, fc.oneof({ arbitrary: fc.constant(false), weight: 5 }, fc.boolean()))
  .map((args) => new Connect(...args))
const commands = fc.commands<Model, Real>(
  [
    connect,
    connect,
    connect,
    fc
      .tuple(fc.nat(20), fc.boolean(), fc.constantFrom(undefined, UNNUMBERED))
      .map((args) => new Report(...args)),
    fc.tuple(fc.nat(20), fc.boolean()).map((args) => new Disconnect(...args)),
    fc.tuple(user, fc.boolean()).map((args) => new DisconnectUnknown(...args)),
    thread.map((lost) => new LoseThread(lost)),
    fc.tuple(user, platform).map((args) => new Hold(...args)),
    fc.tuple(fc.nat(GRACE_MS * 2), fc.boolean()).map((args) => new Wait(...args)),
    user.map((userId) => new AskNumbers(userId)),
    fc.tuple(user, fc.boolean()).map((args) => new Answer(...args)),
    fc.tuple(user, order).map((args) => new Evict(...args)),
    fc.tuple(user, fc.nat(6), platforms).map((args) => new EvictBefore(...args)),
  ],
  // Without a size there are ten commands at most.
  { maxCommands: 80, size: 'max' },
)

t.test(
  'shown, reachable and evicted logins match the model after any history, and every change is reported once',
  async () => {
    fc.assert(
      fc.property(commands, (cmds) => {
        fc.modelRun(() => ({ model: new Model(GRACE_MS), real: { roster: new Roster(GRACE_MS) } }), cmds)
      }),
      { numRuns: 1_000 },
    )
  },
)

const NOBODY: Obeying = { leaving: [], probed: [], isChanged: false, isWaiting: false }
const ANY = { platformId: Platform.Web, background: false, thread: 0, token: 'T' }

/** A roster with these logins of ann's, given their numbers in this order: `undefined` = it waits. */
function rosterWith(...logins: { key: number; number?: number; platformId?: PlatformId; token?: string }[]) {
  const roster = new Roster(GRACE_MS)
  for (const { number, ...login } of logins) {
    roster.connect('ann', { ...ANY, ...login })
    if (number === undefined) continue
    roster.askNumbers('ann')
    roster.recorded('ann', number)
  }
  return roster
}

const loginKeys = (roster: Roster) => roster.logins('ann').map(({ key }) => key)

t.test('with a grace of nothing a broken socket is gone at once', async (t) => {
  const roster = new Roster(0)
  roster.connect('ann', { key: 1, platformId: Platform.Web, background: false, thread: 0, token: 'T' })
  t.equal(roster.disconnect('ann', 1, false, 10), true)
  t.same(roster.shownPlatforms('ann'), [])
  t.equal(roster.graceDueMs(), undefined)
})

t.test('a user who broke off is shown for the grace, and unreachable at once', async (t) => {
  const roster = new Roster(GRACE_MS)
  roster.connect('ann', { key: 1, platformId: Platform.Web, background: false, thread: 0, token: 'T' })
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
    const versionOf = (userId: UserId) => roster.standingOf(userId).version
    roster.connect('ann', { key: 1, platformId: Platform.Web, background: false, thread: 0, token: 'T' })
    roster.recorded('ann', 7)
    roster.recorded('ann', 3)
    t.equal(versionOf('ann'), 7)
    t.equal(roster.forgetIfGone('ann'), false)
    roster.disconnect('ann', 1, true, 0)
    t.equal(roster.size, 1)
    t.equal(versionOf('ann'), 7)
    t.equal(roster.forgetIfGone('ann'), true)
    t.same([roster.size, versionOf('ann'), [...roster.userIds]], [0, 0, []])
    roster.recorded('ann', 9)
    t.equal(roster.size, 0, 'a late answer brings nobody back')
  },
)

t.test('a login waits for its number until it was asked for, and gets it with all who were', async (t) => {
  const roster = new Roster(GRACE_MS)
  t.equal(roster.isWaiting('ann'), false)
  for (const key of [1, 2]) roster.connect('ann', { ...ANY, key })
  t.equal(roster.isWaiting('ann'), true)
  roster.askNumbers('ann')
  t.equal(roster.isWaiting('ann'), false, 'it is on its way')
  roster.connect('ann', { ...ANY, key: 3 })
  t.equal(roster.isWaiting('ann'), true, 'who came later has not been asked for')
  t.same(
    roster.recorded('ann', 7).map(({ key }) => key),
    [1, 2],
  )
  t.same(
    roster.logins('ann').map(({ key, number }) => [key, number]),
    [
      [1, 7],
      [2, 7],
      [3, undefined],
    ],
  )
  t.same(roster.recorded('ann', 8), [], 'nobody was asked for')
  t.equal(roster.isWaiting('ann'), true)
  t.same(roster.recorded('bob', 8), [])
})

t.test('a number that did not come is asked for again', async (t) => {
  const roster = rosterWith({ key: 1, number: 5 }, { key: 2 })
  roster.askNumbers('ann')
  t.same(
    roster.unrecorded('ann').map(({ key }) => key),
    [2],
  )
  t.equal(roster.isWaiting('ann'), true)
  t.same(
    roster.logins('ann').map(({ number }) => number),
    [5, undefined],
  )
})

t.test(
  'logins that were announced stand before those that wait, in the order in which they came',
  async (t) => {
    const roster = rosterWith({ key: 1 }, { key: 2 })
    roster.hold('ann', 1, 0)
    for (const key of [3, 4]) roster.connect('ann', { ...ANY, key }, UNNUMBERED)
    t.same(loginKeys(roster), [3, 4, 1, 2])
    t.same(roster.evictBefore('ann', 1, [1, 5]).probed, [3, 4])
  },
)

t.test('an eviction is obeyed by those with a smaller number only', async (t) => {
  const roster = rosterWith({ key: 1, number: 5 }, { key: 2, number: 6 }, { key: 3, number: 7 })
  const obeying = roster.evict({ userId: 'ann', before: 6 })
  t.same(obeying, { ...NOBODY, leaving: [1] })
  t.same(roster.evict({ userId: 'ann', before: UNNUMBERED }).leaving, [])
  t.same(roster.evict({ userId: 'bob', before: ADMIN_KICK }).leaving, [])
})

t.test(
  'a login that leaves is no login any more, but shown and reachable until its socket has closed',
  async (t) => {
    const roster = rosterWith({ key: 1, number: 5 }, { key: 2, number: 6, platformId: Platform.IOS })
    roster.evict({ userId: 'ann', before: 6 })
    t.same(loginKeys(roster), [2])
    t.same(
      [roster.shownPlatforms('ann'), roster.reachablePlatforms('ann')],
      [
        [1, 5],
        [1, 5],
      ],
    )
    t.same(roster.evict({ userId: 'ann', before: 6 }).leaving, [1], 'asked again, it says the same')
    t.equal(roster.disconnect('ann', 1, true, 0), true)
    t.same(roster.shownPlatforms('ann'), [1])
  },
)

t.test('an eviction may be for platforms, for one connection, for a token, or for all but one', async (t) => {
  const all = () =>
    rosterWith(
      { key: 1, number: 1, platformId: Platform.IOS, token: 'a' },
      { key: 2, number: 2, platformId: Platform.Android, token: 'b' },
      { key: 3, number: 3, platformId: Platform.Android, token: 'c' },
    )
  const met = (order: Omit<Parameters<Roster['evict']>[0], 'userId' | 'before'>) =>
    all().evict({ userId: 'ann', before: ADMIN_KICK, ...order }).leaving
  t.same(met({}), [1, 2, 3])
  t.same(met({ platformIds: [Platform.Android, Platform.Linux] }), [2, 3])
  t.same(met({ platformIds: [] }), [])
  t.same(met({ key: 2 }), [2])
  t.same(met({ key: 9 }), [])
  t.same(met({ token: 'c' }), [3])
  t.same(met({ spares: 'b' }), [1, 3])
  t.same(met({ platformIds: [Platform.IOS], token: 'c' }), [])
})

t.test('connections with the newcomer’s token are probed, and no rivals', async (t) => {
  const roster = rosterWith(
    { key: 1, number: 1, token: 'a' },
    { key: 2, number: 2, token: 'b' },
    { key: 3, number: 3, token: 'b', platformId: Platform.IOS },
    { key: 4, number: 12, token: 'b' },
    { key: 5, token: 'b' },
  )
  t.same(
    roster.evict({ userId: 'ann', before: 9, platformIds: [Platform.Web], newcomer: 'b' }),
    { ...NOBODY, leaving: [1], probed: [2, 3, 5] },
    'on whatever platforms, and whether they have their numbers; who came later is not suspect',
  )
  t.same(loginKeys(roster), [2, 3, 4, 5], 'until they are found not to answer they are logins as before')
  roster.dismiss('ann', 2)
  t.same(roster.evict({ userId: 'ann', before: 9, newcomer: 'b' }).probed, [3, 5], 'who leaves is not asked')
})

t.test('of many connections of one device the last ones are probed', async (t) => {
  const keys = Array.from({ length: PROBED_MAX + 4 }, (_, n) => n + 1)
  const roster = rosterWith(...keys.map((key) => ({ key, number: key })))
  t.same(roster.evict({ userId: 'ann', before: ADMIN_KICK, newcomer: 'T' }).probed, keys.slice(4))
  t.same(roster.evictBefore('ann', PROBED_MAX + 4, [5]).probed, keys.slice(3, -1))
  t.same(roster.socketsOf('ann', 'T'), keys.slice(4))
  t.same(roster.socketsOf('ann', 'another'), [])
})

t.test('the last login of each device says what its logins remove', async (t) => {
  const roster = rosterWith(
    { key: 1, number: 1, token: 'a' },
    { key: 2, number: 2, token: 'b' },
    { key: 3, number: 3, token: 'a' },
  )
  t.same(
    lastOfEachDevice(roster.logins('ann'))
      .map(({ key }) => key)
      .sort(),
    [2, 3],
  )
})

t.test('a login that waits for its number makes an eviction wait, unless an admin kicks', async (t) => {
  for (const before of [7, TOKEN_ONLY]) {
    const roster = rosterWith({ key: 1, number: 5 }, { key: 2 })
    t.same(
      roster.evict({ userId: 'ann', before }),
      { ...NOBODY, leaving: [1], isWaiting: true },
      'the others go at once',
    )
    t.equal(roster.evict({ userId: 'ann', before, token: 'another' }).isWaiting, false, 'if it is meant')
    roster.askNumbers('ann')
    t.equal(roster.evict({ userId: 'ann', before }).isWaiting, true, 'also when it is on its way')
    roster.recorded('ann', 6)
    const later = roster.evict({ userId: 'ann', before })
    t.same([later.isWaiting, later.leaving.at(-1)], [false, 2])
  }
  const byHand = rosterWith({ key: 1, number: 5 }, { key: 2 }).evict({ userId: 'ann', before: ADMIN_KICK })
  t.same([byHand.isWaiting, byHand.leaving.length], [false, 2])
})

t.test('a place without a socket goes at once, and what is shown changes with it', async (t) => {
  const roster = rosterWith({ key: 1, number: 5 }, { key: 2, platformId: Platform.IOS })
  roster.hold('ann', 3, 0)
  for (const key of [1, 2]) roster.disconnect('ann', key, false, 0)
  t.same(roster.shownPlatforms('ann'), [1, 3, 5])
  t.same(roster.evict({ userId: 'ann', before: UNNUMBERED }), NOBODY, 'by no number at all')
  t.same(roster.evict({ userId: 'ann', before: 5, platformIds: [Platform.Web] }), NOBODY, 'by its own number')
  t.same(
    roster.evict({ userId: 'ann', before: 5 }),
    { ...NOBODY, isChanged: true },
    'the held one, and the one that waited for a number: nobody waits any more',
  )
  t.same(roster.shownPlatforms('ann'), [5])
  roster.connect('ann', { ...ANY, key: 4 })
  t.equal(roster.disconnect('ann', 4, true, 0), true)
})

t.test('a broken place beside an open one of its platform goes without a change', async (t) => {
  const roster = rosterWith({ key: 1, number: 5 }, { key: 2, number: 6 })
  roster.disconnect('ann', 1, false, 0)
  t.same(roster.evict({ userId: 'ann', before: 6 }), NOBODY)
  t.same(roster.endGrace(GRACE_MS), [])
  t.same(roster.shownPlatforms('ann'), [5])
})

t.test('what a device left behind broken goes when it is somewhere else', async (t) => {
  const roster = rosterWith(
    { key: 1, number: 5, token: 'a' },
    { key: 2, number: 6, token: 'a', platformId: Platform.IOS },
  )
  roster.disconnect('ann', 1, false, 0)
  t.same(roster.evict({ userId: 'ann', before: 7, platformIds: [Platform.Web], newcomer: 'a' }), {
    ...NOBODY,
    probed: [2],
    isChanged: true,
  })
  t.same(roster.shownPlatforms('ann'), [1])
})

t.test('a login here removes those that came before it, whatever their numbers', async (t) => {
  const roster = rosterWith(
    { key: 1, number: 5, token: 'a' },
    { key: 2, platformId: Platform.IOS, token: 'b' },
    { key: 3, token: 'b' },
    { key: 4, token: 'c' },
  )
  t.same(roster.evictBefore('ann', 3, [5]), { ...NOBODY, leaving: [1], probed: [2] })
  t.same(loginKeys(roster), [2, 3, 4], 'itself, those of its device and those after it stay')
  t.same(roster.evictBefore('ann', 9, [1, 5]).leaving, [], 'one that has gone removes nobody')
  t.same(roster.evictBefore('bob', 3, [1, 5]).leaving, [])
})

t.test('a login here also ends what its user left behind here', async (t) => {
  const roster = rosterWith({ key: 1, number: 5, platformId: Platform.IOS }, { key: 2 })
  roster.hold('ann', 2, 0)
  roster.disconnect('ann', 1, false, 0)
  t.same(roster.evictBefore('ann', 2, [1, 2]), { ...NOBODY, isChanged: true })
  t.same(roster.shownPlatforms('ann'), [5])
})
