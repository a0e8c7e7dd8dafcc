import fc from 'fast-check'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { GONE_CONFIRM_MS, nodeOf, sameList, WatchIndex } from '../../src/rules/presence/watch-index.js'
import type { Claim, PlatformId, Snapshot, UserId } from '../../src/rules/types.js'

const HERE = 'node-a'

interface Known {
  threads: Set<number>
  version: number
  learntMs: number
  goneSinceMs: number | undefined
  snapshot: Snapshot | undefined
  told: PlatformId[] | undefined
}

class Model {
  users = new Map<UserId, Known>()
}

type Real = { index: WatchIndex }
type Command = fc.Command<Model, Real>

function claim(platformId: PlatformId, holder: string): Claim {
  return { platformId, holder }
}

/** The union in the plainest words. */
function union(known: Known | undefined, here: PlatformId[]): PlatformId[] {
  const others = (known?.snapshot?.claims ?? []).filter(({ holder }) => !holder.startsWith(`${HERE}#`))
  const all = [...here, ...others.map(({ platformId }) => platformId), ...(known?.snapshot?.foreign ?? [])]
  return [...new Set(all)].sort((a, b) => a - b)
}

class Watch implements Command {
  constructor(
    readonly userId: UserId,
    readonly thread: number,
  ) {}
  check = () => true
  run(model: Model, { index }: Real): void {
    const known = model.users.get(this.userId)
    if (index.watch(this.userId, this.thread) !== (known === undefined))
      throw new Error('wrong answer to watch')
    if (known !== undefined) known.threads.add(this.thread)
    else {
      model.users.set(this.userId, {
        threads: new Set([this.thread]),
        version: 0,
        learntMs: 0,
        goneSinceMs: undefined,
        snapshot: undefined,
        told: undefined,
      })
    }
  }
  toString = () => `watch(${this.userId}, thread ${this.thread})`
}

class Unwatch implements Command {
  constructor(
    readonly userId: UserId,
    readonly thread: number,
  ) {}
  check = () => true
  run(model: Model, { index }: Real): void {
    const known = model.users.get(this.userId)
    const isLast = known?.threads.delete(this.thread) === true && known.threads.size === 0
    if (isLast) model.users.delete(this.userId)
    if (index.unwatch(this.userId, this.thread) !== isLast) throw new Error('wrong answer to unwatch')
  }
  toString = () => `unwatch(${this.userId}, thread ${this.thread})`
}

class LoseThread implements Command {
  constructor(readonly thread: number) {}
  check = () => true
  run(model: Model, { index }: Real): void {
    const gone: UserId[] = []
    for (const [userId, { threads }] of model.users) {
      if (threads.delete(this.thread) && threads.size === 0) gone.push(userId)
    }
    for (const userId of gone) model.users.delete(userId)
    if (index.loseThread(this.thread).sort().join() !== gone.sort().join())
      throw new Error('wrong users gone')
  }
  toString = () => `loseThread(${this.thread})`
}

class Learn implements Command {
  constructor(
    readonly snapshot: Snapshot,
    readonly asOfMs: number,
  ) {}
  check = () => true
  run(model: Model, { index }: Real): void {
    const { userId, version } = this.snapshot
    const known = model.users.get(userId)
    const isNews = known !== undefined && this.#isNews(known)
    if (index.learn(this.snapshot, this.asOfMs) !== isNews)
      throw new Error(`version ${version} after ${known?.version}`)
    if (!isNews) return
    known.snapshot = this.snapshot
    known.version = Math.max(known.version, version)
    known.learntMs = this.asOfMs
    known.goneSinceMs = undefined
  }
  #isNews(known: Known): boolean {
    if (known.snapshot === undefined) return true
    if (this.snapshot.version > 0) return this.snapshot.version >= known.version
    if (this.asOfMs < known.learntMs) return false
    if (known.version === 0 || union(known, []).length === 0) return true
    known.goneSinceMs ??= this.asOfMs
    return this.asOfMs - known.goneSinceMs >= GONE_CONFIRM_MS
  }
  toString = () => `learn(${JSON.stringify(this.snapshot)}, as of ${this.asOfMs})`
}

class Tell implements Command {
  constructor(
    readonly userId: UserId,
    readonly here: PlatformId[],
  ) {}
  check = () => true
  run(model: Model, { index }: Real): void {
    const known = model.users.get(this.userId)
    const news = index.news(this.userId, this.here)
    const view = union(known, this.here)
    const isSilent =
      known === undefined ||
      known.snapshot === undefined ||
      (known.told !== undefined && known.told.join() === view.join())
    if ((news === undefined) !== isSilent)
      throw new Error(`${isSilent ? 'needless' : 'no'} news of [${view}]`)
    if (news === undefined || known === undefined) return
    if (news.platformIds.join() !== view.join())
      throw new Error(`told [${news.platformIds}], should be [${view}]`)
    if ([...news.threads].sort().join() !== [...known.threads].sort().join())
      throw new Error('wrong threads told')
    known.told = view
  }
  toString = () => `tell(${this.userId}, [${this.here}])`
}

/** What holds after every step. */
class Check implements Command {
  check = () => true
  run(model: Model, { index }: Real): void {
    if ([...index.userIds].sort().join() !== [...model.users.keys()].sort().join())
      throw new Error('wrong users')
    if (index.size !== model.users.size) throw new Error('wrong size')
    for (const [userId, known] of model.users) {
      if (!index.has(userId)) throw new Error(`${userId} is not there`)
      if (index.versionOf(userId) !== known.version)
        throw new Error(`${userId} at ${index.versionOf(userId)}`)
      if (index.toldOf(userId)?.join() !== known.told?.join())
        throw new Error(`${userId}: told something else`)
      const without = [...index.threadsWithoutAnswer(userId)].sort().join()
      const expected = known.snapshot === undefined ? [...known.threads].sort().join() : ''
      if (without !== expected) throw new Error(`${userId}: threads [${without}] without an answer`)
    }
  }
  toString = () => 'check'
}

const user = fc.constantFrom('ann', 'bob', 'cid')
const thread = fc.nat(2)
const platforms = fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }).map((list) => list.sort())
const claims = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(`${HERE}#1`, `${HERE}#2`, 'node-b#1', 'node#a#7'))
    .map(([platformId, holder]) => claim(platformId, holder)),
  { maxLength: 4 },
)
const snapshot = fc.record({ userId: user, version: fc.nat(6), claims, foreign: platforms })
const asOfMs = fc.constantFrom(0, 1, 2, GONE_CONFIRM_MS, GONE_CONFIRM_MS + 1)
const commands = fc.commands<Model, Real>(
  [
    fc.tuple(user, thread).map((args) => new Watch(...args)),
    fc.tuple(user, thread).map((args) => new Unwatch(...args)),
    thread.map((lost) => new LoseThread(lost)),
    fc.tuple(snapshot, asOfMs).map((args) => new Learn(...args)),
    fc.tuple(snapshot, asOfMs).map((args) => new Learn(...args)),
    fc.tuple(user, platforms).map((args) => new Tell(...args)),
    fc.constant(new Check()),
  ],
  { maxCommands: 60 },
)

t.test(
  'watchers are told the union when it changed and only then, and no older version is believed',
  async () => {
    fc.assert(
      fc.property(commands, (cmds) => {
        fc.modelRun(() => ({ model: new Model(), real: { index: new WatchIndex(HERE) } }), cmds)
      }),
      { numRuns: 1_000 },
    )
  },
)

function snapshotOf(version: number, ...held: Claim[]): Snapshot {
  return { userId: 'ann', version, claims: held, foreign: [] }
}

t.test('learning something twice is silent the second time', async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  const learnt = snapshotOf(5, claim(2, 'node-b#1'))
  t.ok(index.learn(learnt, 0))
  t.match(index.news('ann', []), { platformIds: [Platform.Android] })
  index.learn(learnt, 0)
  t.equal(index.news('ann', []), undefined)
})

t.test('a change of the claims that leaves the union as it was is no news', async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  index.learn(snapshotOf(5, claim(2, 'node-b#1')), 0)
  index.news('ann', [])
  t.ok(index.learn(snapshotOf(6, claim(2, 'node-b#1'), claim(2, 'node-c#1')), 0))
  t.equal(index.news('ann', []), undefined)
  t.equal(index.news('ann', [2]), undefined, 'nor is the same device here')
  index.learn(snapshotOf(7), 0)
  t.match(index.news('ann', []), { platformIds: [] })
})

t.test("what the store says of this node's own former claims is not believed", async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  index.learn(snapshotOf(5, claim(2, `${HERE}#1`), claim(5, `${HERE}#2`)), 0)
  t.match(index.news('ann', []), { platformIds: [] })
})

t.test('nothing is told before the store has answered, and it is known who waits', async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  index.watch('ann', 2)
  t.equal(index.news('ann', [5]), undefined)
  t.same([...index.threadsWithoutAnswer('ann')], [0, 2])
  index.learn(snapshotOf(5), 0)
  t.same([...index.threadsWithoutAnswer('ann')], [])
})

t.test('that the record is gone is believed when it is still so a while later', async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  index.learn(snapshotOf(5, claim(2, 'node-b#1')), 100)
  index.news('ann', [])
  t.notOk(index.learn(snapshotOf(0), 99), 'the answer to an older question')
  t.notOk(index.isInDoubt('ann'))
  t.notOk(index.learn(snapshotOf(0), 100), 'the store may only have come back empty')
  t.ok(index.isInDoubt('ann'))
  t.notOk(index.learn(snapshotOf(0), 99 + GONE_CONFIRM_MS))
  t.ok(index.learn(snapshotOf(0), 100 + GONE_CONFIRM_MS))
  t.match(index.news('ann', []), { platformIds: [] })
  t.notOk(index.isInDoubt('ann'))
  t.equal(index.versionOf('ann'), 5, 'the next version has to be greater')
})

t.test('a new version ends the doubt', async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  index.learn(snapshotOf(5, claim(2, 'node-b#1')), 100)
  index.learn(snapshotOf(0), 200)
  t.ok(index.learn(snapshotOf(6, claim(2, 'node-b#1')), 300))
  t.notOk(index.isInDoubt('ann'))
  t.notOk(index.learn(snapshotOf(0), 200 + GONE_CONFIRM_MS), 'it has to last from anew')
})

t.test("a device of OpenIM's own has no record of claims, and is believed to come and go", async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  index.learn({ ...snapshotOf(0), foreign: [1] }, 100)
  t.match(index.news('ann', []), { platformIds: [Platform.IOS] })
  t.ok(index.learn(snapshotOf(0), 200))
  t.match(index.news('ann', []), { platformIds: [] })
  t.notOk(index.learn({ ...snapshotOf(0), foreign: [1] }, 150), 'the answer to an older question')
})

t.test('who is watched anew begins anew', async (t) => {
  const index = new WatchIndex(HERE)
  index.watch('ann', 0)
  index.learn(snapshotOf(5, claim(2, 'node-b#1')), 0)
  index.unwatch('ann', 0)
  index.watch('ann', 0)
  t.equal(index.versionOf('ann'), 0)
  t.ok(index.learn(snapshotOf(3), 0))
  t.match(index.news('ann', []), { platformIds: [] })
})

t.test('a node name may hold the sign that separates it from its epoch', async (t) => {
  t.equal(nodeOf(claim(1, 'node#a#7')), 'node#a')
  t.ok(sameList([], []))
  t.notOk(sameList([1, 2], [2, 1]))
  t.notOk(sameList([1], [1, 2]))
})
