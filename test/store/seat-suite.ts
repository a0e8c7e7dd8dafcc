/** What every store promises about seats. Part of `suite.ts`. */
import fc from 'fast-check'
import type { Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type {
  HeldSeats,
  Holder,
  PlatformId,
  Seat,
  SeatOutcome,
  SeatRequest,
  UserId,
} from '../../src/rules/types.js'
import type { Store } from '../../src/store/ports/store.js'
import { until } from '../support/redis.js'
import type { Kit, OpenNode } from './suite.js'

const PLATFORMS = [Platform.IOS, Platform.Android, Platform.Web]
/** A seat of no device in these tests: asking with it changes nothing for the seats that are asked about. */
const PROBE_SEAT = '9/probe'
const TAKERS = 50
/** More than Lua hands over in one go. */
const MANY = 9_000
const HOUR_MS = 3_600_000

const NONE: HeldSeats = { taken: [], asked: [] }

function platformOf(seat: Seat): PlatformId {
  return Number(seat.split('/')[0])
}

/** A request that nothing can hinder, but for what `rules` says. */
function request(userId: UserId, seat: Seat, rules: Partial<SeatRequest> = {}): SeatRequest {
  return {
    userId,
    platformId: platformOf(seat),
    seat,
    rivals: [],
    rivalsYield: false,
    perUserMax: 0,
    perPlatformMax: 0,
    ...rules,
  }
}

/** `taken`, or why not and which nodes have the seats in the way. */
function verdict(outcome: SeatOutcome): string {
  if (outcome.isTaken) return 'taken'
  return [outcome.reason, ...[...new Set(outcome.holders)].sort()].join(' ')
}

/** Say which seats a node has of the user, which must succeed. */
async function seatsKept(store: Store, userId: UserId, seats: HeldSeats): Promise<void> {
  const [outcome] = await store.presence.assert([{ userId, platformIds: [], versionSeen: 0, seats }])
  if (!outcome?.ok) throw new Error(outcome?.error)
}

async function take(
  node: OpenNode,
  userId: UserId,
  seat: Seat,
  rules?: Partial<SeatRequest>,
): Promise<string> {
  return verdict(await node.store.seats.takeSeat(request(userId, seat, rules), false))
}

async function takeAmongLiving(
  node: OpenNode,
  userId: UserId,
  seat: Seat,
  rules?: Partial<SeatRequest>,
): Promise<string> {
  return verdict(await node.store.seats.takeSeat(request(userId, seat, rules), true))
}

export function seatTests(t: Test, { backend, open, fresh }: Kit): void {
  // Who looks has no seats of its own.
  const probe = open(t)

  /** Who has seats of the user, as `platform@holder`: asks for one that each of them would hinder. */
  async function seated(userId: UserId): Promise<string[]> {
    const { store } = await probe
    const found: string[] = []
    for (const platformId of PLATFORMS) {
      const outcome = await store.seats.takeSeat(request(userId, PROBE_SEAT, { rivals: [platformId] }), false)
      if (outcome.isTaken) await seatsKept(store, userId, NONE)
      else found.push(...[...new Set(outcome.holders)].sort().map((holder) => `${platformId}@${holder}`))
    }
    return found
  }

  t.test('a seat is taken when nothing is in the way', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    t.same(await seated(user), [])
    t.equal(await take(a, user, '1/a'), 'taken')
    t.equal(await take(b, user, '5/b'), 'taken')
    t.same(await seated(user), [`1@${a.holder}`, `5@${b.holder}`])
    t.same(await seated(fresh('user')), [], 'another user has seats of their own')
  })

  t.test('a rival hinders, whether on another node or on the same', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    await take(a, user, '1/a')
    const rules = { rivals: [Platform.IOS, Platform.Android] }
    t.equal(await take(b, user, '2/b', rules), `conflict ${a.holder}`)
    t.equal(await take(a, user, '2/c', rules), `conflict ${a.holder}`)
    t.same(await seated(user), [`1@${a.holder}`], 'who was refused has no seat')
    t.equal(
      await take(b, user, '5/b', { rivals: [Platform.Web] }),
      'taken',
      'the other platforms are no rivals',
    )
    await take(b, user, '2/d')
    const both = ['conflict', ...[a.holder, b.holder].sort()].join(' ')
    t.equal(await take(b, user, '2/e', rules), both, 'all who are in the way are named, and nobody else')
  })

  t.test('a platform is no rival because its number begins like that of one', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    await take(a, user, '1/a')
    t.equal(await take(a, user, '11/b', { rivals: [11], perPlatformMax: 1 }), 'taken')
    t.equal(await take(a, user, '1/c', { rivals: [11] }), `conflict ${a.holder}`)
    t.equal(await take(a, user, '2/d', { rivals: [111, 12, 0] }), 'taken')
  })

  t.test(
    'a rival that yields neither hinders nor counts, and keeps its seat until it has gone',
    async (t) => {
      const [a, b] = [await open(t), await open(t)]
      const user = fresh('user')
      const rules = { rivals: [Platform.IOS], rivalsYield: true, perUserMax: 2, perPlatformMax: 1 }
      await take(a, user, '1/a')
      t.equal(await take(b, user, '1/b', rules), 'taken')
      t.same(await seated(user), [`1@${a.holder}`, `1@${b.holder}`])
      t.equal(
        await take(a, user, '5/c', { perUserMax: 3 }),
        'taken',
        'both count for who is no rival of theirs',
      )
      t.equal(await take(a, user, '2/d', { perUserMax: 3 }), `user ${[a.holder, b.holder].sort().join(' ')}`)
      t.equal(
        await take(a, user, '1/e', rules),
        'taken',
        'the seat on the other platform counts, theirs do not',
      )
      t.equal(await take(a, user, '1/f', { ...rules, perUserMax: 1 }), `user ${a.holder}`)
    },
  )

  t.test('a user has as many seats as the cap says, wherever they are', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    const rules = { perUserMax: 3 }
    t.equal(await take(a, user, '1/a', rules), 'taken')
    t.equal(await take(a, user, '5/b', rules), 'taken')
    t.equal(await take(b, user, '5/b', rules), 'taken', 'seats of two nodes may have one name')
    const full = `user ${[a.holder, b.holder].sort().join(' ')}`
    t.equal(await take(a, user, '1/d', rules), full)
    t.equal(await take(b, user, '2/d', rules), full)
    t.equal(await take(b, user, '2/d', { perUserMax: 4 }), 'taken')
    t.equal(await take(b, fresh('user'), '1/a', rules), 'taken', 'each user has a cap of their own')
  })

  t.test('a cap for a platform counts the seats of that platform alone', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    const rules = { perPlatformMax: 2, perUserMax: 10 }
    for (const seat of ['5/a', '5/b']) t.equal(await take(a, user, seat, rules), 'taken')
    t.equal(await take(b, user, '5/c', rules), `platform ${a.holder}`)
    for (const seat of ['1/d', '1/e']) t.equal(await take(b, user, seat, rules), 'taken')
    t.equal(await take(a, user, '1/f', rules), `platform ${b.holder}`)
  })

  t.test(
    'the first rule that is broken is the reason: rivals, then the platform, then the user',
    async (t) => {
      const a = await open(t)
      const user = fresh('user')
      await take(a, user, '1/a')
      const rules = { rivals: [Platform.IOS], perPlatformMax: 1, perUserMax: 1 }
      t.equal(await take(a, user, '1/b', rules), `conflict ${a.holder}`)
      t.equal(await take(a, user, '1/b', { ...rules, rivals: [] }), `platform ${a.holder}`)
      t.equal(await take(a, user, '2/b', { ...rules, rivals: [] }), `user ${a.holder}`)
    },
  )

  t.test('seats of the same device do not hinder, and count', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    const rules = { rivals: [Platform.IOS], perUserMax: 3 }
    t.equal(await take(a, user, '1/mine.1', rules), 'taken')
    t.equal(await take(a, user, '1/mine.2', rules), 'taken')
    t.equal(await take(b, user, '1/mine.1', rules), 'taken', 'wherever they are')
    const both = [a.holder, b.holder].sort().join(' ')
    t.equal(await take(b, user, '1/other.1', rules), `conflict ${both}`)
    const full = `user ${both}`
    t.equal(await take(b, user, '1/mine.2', rules), full)
    const yielding = { ...rules, rivalsYield: true }
    t.equal(await take(b, user, '1/mine.2', yielding), full, 'they are no rivals that would leave')
    t.equal(await take(b, user, '1/other.1', yielding), 'taken', 'but they are for another device')
  })

  t.test('a seat is no obstacle to itself, and counts once however often it is taken', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    const rules = { rivals: [Platform.IOS], perUserMax: 1, perPlatformMax: 1 }
    for (let i = 0; i < 3; i++) t.equal(await take(a, user, '1/a', rules), 'taken')
    t.equal(await take(b, user, '1/a', rules), `platform ${a.holder}`, 'that of another node is another')
    t.equal(await take(b, user, '5/b', { perUserMax: 2 }), 'taken')
  })

  t.test('of many who come at once, through two nodes, as many as may get a seat', async (t) => {
    const nodes = [await open(t), await open(t)]
    const user = fresh('user')
    const rules = { perUserMax: 3, perPlatformMax: 3 }
    const seats = Array.from({ length: TAKERS }, (_, i) => ({ node: nodes[i % 2]!, seat: `5/${i}` }))
    const verdicts = await Promise.all(seats.map(({ node, seat }) => take(node, user, seat, rules)))
    t.equal(verdicts.filter((said) => said === 'taken').length, 3)
    t.ok(verdicts.every((said) => /^(taken|platform )/.test(said)))
    t.match(await take(nodes[0]!, user, '5/late', rules), /^platform /)
  })

  t.test('of many rivals who come at once, through two nodes, one gets a seat', async (t) => {
    const nodes = [await open(t), await open(t)]
    const user = fresh('user')
    const rules = { rivals: PLATFORMS }
    const verdicts = await Promise.all(
      Array.from({ length: TAKERS }, (_, i) =>
        take(nodes[i % 2]!, user, `${PLATFORMS[i % PLATFORMS.length]}/${i}`, rules),
      ),
    )
    t.equal(verdicts.filter((said) => said === 'taken').length, 1)
    const holders = new Set(verdicts.filter((said) => said !== 'taken'))
    t.equal(holders.size, 1, 'and the others are told who has it')
    t.equal((await seated(user)).length, 1)
  })

  t.test('an assertion keeps the seats that it names and clears the others of its node', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    for (const seat of ['1/a', '2/b']) await take(a, user, seat)
    for (const seat of ['2/b', '5/c']) await take(b, user, seat)
    await seatsKept(a.store, user, { taken: ['2/b', '5/d'], asked: [] })
    t.same(
      await seated(user),
      [`2@${a.holder}`, `2@${b.holder}`, `5@${a.holder}`, `5@${b.holder}`].sort(),
      'one that had gone is there again, and those of the other node are',
    )
    await seatsKept(a.store, user, NONE)
    t.same(await seated(user), [`2@${b.holder}`, `5@${b.holder}`])
    await seatsKept(b.store, user, NONE)
    t.same(await seated(user), [])
    await seatsKept(b.store, user, NONE)
    t.equal(await take(a, user, '1/e', { perUserMax: 1 }), 'taken', 'and there is room again')
  })

  t.test('an assertion without seats says nothing about them', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    await take(a, user, '1/a')
    t.match(await a.store.presence.assert([{ userId: user, platformIds: [], versionSeen: 0 }]), [
      { ok: true },
    ])
    t.same(await seated(user), [`1@${a.holder}`])
  })

  t.test('the seats of each user of a batch are their own', async (t) => {
    const a = await open(t)
    const users = Array.from({ length: 100 }, () => fresh('user'))
    await Promise.all(users.map((user) => take(a, user, '1/a')))
    const outcomes = await a.store.presence.assert(
      users.map((userId, i) => ({
        userId,
        platformIds: i % 3 === 0 ? [] : [1],
        versionSeen: 0,
        seats: [NONE, { taken: ['2/b'], asked: [] }, { taken: ['5/c'], asked: ['1/a'] }][i % 3]!,
      })),
    )
    t.ok(outcomes.every(({ ok }) => ok))
    const expected = [[], [`2@${a.holder}`], [`1@${a.holder}`, `5@${a.holder}`]]
    const seen = await Promise.all(users.map((user) => seated(user)))
    t.same(
      seen,
      users.map((_, i) => expected[i % 3]),
    )
  })

  t.test('seats that were asked for stay if they are there, and do not come if they are not', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    await take(a, user, '1/a')
    await seatsKept(a.store, user, { taken: ['5/c'], asked: ['1/a', '2/b'] })
    t.same(await seated(user), [`1@${a.holder}`, `5@${a.holder}`])
    t.equal(await take(a, user, '2/b', { perUserMax: 3 }), 'taken', 'it counts from then on')
    await seatsKept(a.store, user, { taken: [], asked: ['2/b'] })
    t.same(await seated(user), [`2@${a.holder}`])
  })

  t.test('seats of an earlier incarnation hinder until the node asserts, and go then', async (t) => {
    const nodeId = fresh('node')
    const [before, other] = [await open(t, { nodeId }), await open(t)]
    const user = fresh('user')
    for (const seat of ['1/a', '5/b']) await take(before, user, seat)
    await take(other, user, '2/c')
    const after = await open(t, { nodeId })
    t.equal(await take(after, user, '1/d', { rivals: [Platform.IOS] }), `conflict ${before.holder}`)
    await seatsKept(after.store, user, { taken: ['5/b'], asked: ['1/a'] })
    t.same(await seated(user), [`2@${other.holder}`, `5@${after.holder}`])
  })

  // A survivor swept the records of a dead node, and removed the seat of a user who was back on that node by then too:
  // two logins came in where one may.
  t.test('what withdraws an earlier incarnation leaves the seats of the later one', async (t) => {
    const nodeId = fresh('node')
    const [before, survivor] = [await open(t, { nodeId }), await open(t)]
    const user = fresh('user')
    const seats = { taken: ['1/a'], asked: [] }
    await before.store.presence.assert([{ userId: user, platformIds: [Platform.IOS], versionSeen: 0, seats }])
    const after = await open(t, { nodeId })
    t.equal(await take(after, user, '5/b'), 'taken')
    t.equal(await survivor.store.registry.sweep(before.holder), 1)
    t.same(await seated(user), [`5@${after.holder}`])
  })

  t.test('a node whose name begins like that of another clears nothing of it', async (t) => {
    const nodeId = fresh('node')
    const [a, b] = [await open(t, { nodeId }), await open(t, { nodeId: `${nodeId}1` })]
    const user = fresh('user')
    await take(b, user, '1/b')
    await seatsKept(a.store, user, { taken: ['5/a'], asked: [] })
    t.same(await seated(user), [`1@${b.holder}`, `5@${a.holder}`])
    await take(a, user, '2/a')
    await seatsKept(b.store, user, NONE)
    t.same(await seated(user), [`2@${a.holder}`, `5@${a.holder}`])
  })

  t.test('a seat that is not kept ends by itself; keeping and taking it again prolong it', async (t) => {
    const [a, b] = [await open(t, { presenceTtlS: 4 }), await open(t)]
    const clocks = [await open(t, { presenceTtlS: 3 }), await open(t, { presenceTtlS: 5 })] as const
    const [kept, takenAgain, asked, left] = [fresh('user'), fresh('user'), fresh('user'), fresh('user')]
    const times = [fresh('user'), fresh('user')] as const
    // The clocks first: a second may end between two of these.
    for (const at of [0, 1] as const) await take(clocks[at], times[at], '1/a')
    for (const user of [kept, takenAgain, asked, left]) await take(a, user, '1/a')

    backend.pass(3)
    await until('3 s have gone', async () => (await seated(times[0])).length === 0)
    t.same(await seated(left), [`1@${a.holder}`])
    await seatsKept(a.store, kept, { taken: ['1/a'], asked: [] })
    await seatsKept(a.store, asked, { taken: [], asked: ['1/a'] })
    await take(a, takenAgain, '1/a')

    backend.pass(2)
    await until('5 s have gone', async () => (await seated(times[1])).length === 0)
    t.same(await seated(kept), [`1@${a.holder}`])
    t.same(await seated(takenAgain), [`1@${a.holder}`])
    t.same(await seated(asked), [], 'nobody prolongs what was only asked for')
    t.equal(await take(b, left, '1/b', { rivals: [Platform.IOS], perUserMax: 1 }), 'taken')
  })

  t.test('an expired seat neither hinders nor counts beside one that lives', async (t) => {
    const [a, b] = [await open(t, { presenceTtlS: 1 }), await open(t)]
    const user = fresh('user')
    await take(b, user, '5/b')
    await take(a, user, '1/a')
    backend.pass(2)
    await until(
      'it has ended',
      async () => (await take(b, user, '1/c', { rivals: [Platform.IOS] })) === 'taken',
    )
    t.same(await seated(user), [`1@${b.holder}`, `5@${b.holder}`])
  })

  t.test('a node whose seats are short-lived cuts no other short', async (t) => {
    const [a, b] = [await open(t), await open(t, { presenceTtlS: 1 })]
    const [taken, kept] = [fresh('user'), fresh('user')]
    for (const user of [taken, kept]) await take(a, user, '1/a')
    await take(b, taken, '5/b')
    await seatsKept(b.store, kept, { taken: ['5/b'], asked: [] })
    // Twice: a seat ends with a second of the clock, what Redis expires by itself a part of a second later.
    for (const clock of [fresh('user'), fresh('user')]) {
      await take(b, clock, '5/b')
      backend.pass(2)
      await until('a short one has ended', async () => (await seated(clock)).length === 0)
    }
    t.same(await seated(taken), [`1@${a.holder}`])
    t.same(await seated(kept), [`1@${a.holder}`])
  })

  t.test('seats of a node without a lease are cleared by who asks for the living only', async (t) => {
    const [dead, a, b] = [await open(t), await open(t), await open(t)]
    const [user, other] = [fresh('user'), fresh('user')]
    for (const seat of ['1/x', '5/y']) await take(dead, user, seat)
    await take(dead, other, '1/x')
    await take(a, user, '1/a')
    await open(t, { nodeId: dead.holder.slice(0, dead.holder.lastIndexOf('#')) })
    t.notOk((await a.store.registry.living()).includes(dead.holder))
    const rules = { rivals: [Platform.IOS] }
    const both = ['conflict', ...[a.holder, dead.holder].sort()].join(' ')
    t.equal(await take(b, user, '1/b', rules), both, 'who does not ask counts them')
    t.equal(await takeAmongLiving(b, user, '1/b', rules), `conflict ${a.holder}`)
    t.same(await seated(user), [`1@${a.holder}`], 'cleared, although who asked was refused')
    t.equal(await takeAmongLiving(b, other, '1/b', { ...rules, perUserMax: 1 }), 'taken')
    t.same(await seated(other), [`1@${b.holder}`], 'cleared by who was not')
    t.equal(await takeAmongLiving(b, user, '5/b', { perUserMax: 2 }), 'taken')
    t.equal(
      await takeAmongLiving(a, user, '2/a', { perUserMax: 2 }),
      `user ${[a.holder, b.holder].sort().join(' ')}`,
    )
  })

  t.test('user IDs of any script have seats', async (t) => {
    const a = await open(t)
    for (const word of ['Ünïcode-Åsa', '用户', '%s %d', '%a+', '@', 'a@b#3', '1/a@', ',5/b,', ' ']) {
      const user = `${word}${fresh('')}`
      t.equal(await take(a, user, '1/a'), 'taken')
      await seatsKept(a.store, user, { taken: ['5/b'], asked: [] })
      t.same(await seated(user), [`5@${a.holder}`], word)
    }
  })

  t.test('node IDs of all characters that there may be have seats', async (t) => {
    for (const word of ['a.b-c_d', '-', '.', '_', '9']) {
      const [a, b] = [await open(t, { nodeId: `${word}${fresh('')}` }), await open(t)]
      const user = fresh('user')
      await take(a, user, '1/a')
      t.equal(await takeAmongLiving(b, user, '1/b', { rivals: [Platform.IOS] }), `conflict ${a.holder}`)
      await seatsKept(a.store, user, NONE)
      t.same(await seated(user), [], word)
    }
  })

  t.test('a user with thousands of seats is refused as any other, and they all go at once', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    const taken = Array.from({ length: MANY }, (_, i) => `${PLATFORMS[i % PLATFORMS.length]}/${i}`)
    await seatsKept(a.store, user, { taken, asked: [] })
    t.equal(await take(b, user, '1/b', { perUserMax: MANY }), `user ${a.holder}`)
    t.equal(await take(b, user, '1/b', { rivals: PLATFORMS }), `conflict ${a.holder}`)
    t.equal(await take(b, user, '1/b', { perPlatformMax: MANY / PLATFORMS.length }), `platform ${a.holder}`)
    t.equal(await take(b, user, '1/b', { perUserMax: MANY + 1 }), 'taken')
    await seatsKept(a.store, user, NONE)
    t.same(await seated(user), [`1@${b.holder}`])
  })

  t.test('who is not open takes no seat', async (t) => {
    const a = await open(t)
    await a.store.close(true)
    await t.rejects(take(a, fresh('user'), '1/a'), { code: 'STORE_UNAVAILABLE' })
  })

  t.test('any sequence of takers, assertions and restarts goes as the model says', async (t) => {
    // Long leases: the dead are those that a later incarnation of their node has replaced.
    const nodes = [
      await open(t, { nodeLeaseMs: HOUR_MS }),
      await open(t, { nodeLeaseMs: HOUR_MS }),
      await open(t, { nodeLeaseMs: HOUR_MS }),
    ]
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const user = fresh('user')
        const model = new Model(nodes.map(({ holder }) => holder))
        for (const [at, one] of steps.entries()) {
          const said = await carryOut(nodes[one.node]!, user, one, (nodeId) =>
            open(t, { nodeId, nodeLeaseMs: HOUR_MS }),
          )
          const expected = model.carryOut(one, nodes[one.node]!.holder)
          if (said === expected) continue
          throw new Error(`step ${at}, ${JSON.stringify(one)}: ${said} instead of ${expected}`)
        }
        const left = model.seats.map(({ seat, holder }) => `${platformOf(seat)}@${holder}`)
        const found = await seated(user)
        if (found.join() !== [...new Set(left)].sort().join()) throw new Error(`left: ${found}`)
      }),
      { numRuns: 300 },
    )
  })
}

// A model: one list of seats, and the rules in the words of `SeatRequest`.

type Step = { node: number } & (
  | { does: 'take'; onlyLiving: boolean; rules: Omit<SeatRequest, 'userId'> }
  | { does: 'keep'; seats: HeldSeats }
  | { does: 'restart' }
)

const SEATS = PLATFORMS.flatMap((platformId) => ['a.1', 'a.2', 'b.1'].map((id) => `${platformId}/${id}`))
const NODES = 3

const node = fc.nat(NODES - 1)
const seat = fc.constantFrom(...SEATS)
const someSeats = fc.subarray(SEATS, { maxLength: 4 })
const cap = fc.constantFrom(0, 1, 2, 3, 5)

const taking: fc.Arbitrary<Step> = fc.record({
  node,
  does: fc.constant('take'),
  onlyLiving: fc.boolean(),
  rules: seat.chain((wanted) =>
    fc.record({
      platformId: fc.constant(platformOf(wanted)),
      seat: fc.constant(wanted),
      rivals: fc.subarray(PLATFORMS),
      rivalsYield: fc.boolean(),
      perUserMax: cap,
      perPlatformMax: cap,
    }),
  ),
})

const keeping: fc.Arbitrary<Step> = fc.record({
  node,
  does: fc.constant('keep'),
  seats: fc
    .tuple(someSeats, someSeats)
    .map(([taken, more]) => ({ taken, asked: more.filter((one) => !taken.includes(one)) })),
})

const restarting: fc.Arbitrary<Step> = fc.record({ node, does: fc.constant('restart') })

const step = fc.oneof(
  { arbitrary: taking, weight: 8 },
  { arbitrary: keeping, weight: 3 },
  { arbitrary: restarting, weight: 1 },
)

async function carryOut(
  at: OpenNode,
  userId: UserId,
  one: Step,
  restart: (nodeId: string) => Promise<OpenNode>,
): Promise<string> {
  if (one.does === 'take') {
    return verdict(await at.store.seats.takeSeat({ userId, ...one.rules }, one.onlyLiving))
  }
  if (one.does === 'keep') await seatsKept(at.store, userId, one.seats)
  else {
    await at.store.close(false)
    Object.assign(at, await restart(at.holder.slice(0, at.holder.lastIndexOf('#'))))
  }
  return 'done'
}

class Model {
  seats: { seat: Seat; holder: Holder }[] = []

  constructor(readonly living: Holder[]) {}

  /** `holder`: the node that does it, after a restart by its new name. */
  carryOut(one: Step, holder: Holder): string {
    if (one.does === 'take') return this.take(holder, one.rules, one.onlyLiving)
    if (one.does === 'restart') this.living[one.node] = holder
    else this.keep(holder, one.seats)
    return 'done'
  }

  private take(holder: Holder, rules: Omit<SeatRequest, 'userId'>, onlyLiving: boolean): string {
    if (onlyLiving) this.seats = this.seats.filter((one) => this.living.includes(one.holder))
    const isRival = ({ seat }: { seat: Seat }) =>
      rules.rivals.includes(platformOf(seat)) && seat.split('.')[0] !== rules.seat.split('.')[0]
    const others = this.seats.filter((one) => {
      const isSame = one.holder === holder && one.seat === rules.seat
      return !isSame && !(isRival(one) && rules.rivalsYield)
    })
    const rivals = others.filter(isRival)
    const near = others.filter((one) => platformOf(one.seat) === rules.platformId)
    const refused = (reason: 'conflict' | 'platform' | 'user', inTheWay: { holder: Holder }[]) =>
      verdict({ isTaken: false, reason, holders: inTheWay.map((one) => one.holder) })
    if (rivals.length > 0) return refused('conflict', rivals)
    if (rules.perPlatformMax > 0 && near.length >= rules.perPlatformMax) return refused('platform', near)
    if (rules.perUserMax > 0 && others.length >= rules.perUserMax) return refused('user', others)
    if (!this.has(holder, rules.seat)) this.seats.push({ seat: rules.seat, holder })
    return 'taken'
  }

  private keep(holder: Holder, { taken, asked }: HeldSeats): void {
    const nodeOf = (name: Holder) => name.slice(0, name.lastIndexOf('#'))
    this.seats = this.seats.filter(
      (one) =>
        nodeOf(one.holder) !== nodeOf(holder) ||
        (one.holder === holder && (taken.includes(one.seat) || asked.includes(one.seat))),
    )
    for (const seat of taken) if (!this.has(holder, seat)) this.seats.push({ seat, holder })
  }

  private has(holder: Holder, seat: Seat): boolean {
    return this.seats.some((one) => one.holder === holder && one.seat === seat)
  }
}
