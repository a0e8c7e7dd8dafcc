/**
 * What every presence store promises, run against each back end.
 *
 * A test waits for what it expects (an event, a state), never for a length of time; where nothing must be heard, it
 * waits for something that is heard later on the same way.
 */
import t, { type Test } from 'tap'
import type { Note } from '../../src/protocol/node/notes.js'
import type {
  Assertion,
  AssertOutcome,
  Holder,
  PlatformId,
  Snapshot,
  TokenState,
  UserId,
  Whereabouts,
} from '../../src/rules/types.js'
import type { LeaseRenewal } from '../../src/store/ports/node-registry.js'
import type { NodeSettings, Store, StoreEvents } from '../../src/store/ports/store.js'
import { until } from '../support/redis.js'
import { noteTests } from './note-suite.js'
import { registryTests } from './registry-suite.js'
import { seatTests } from './seat-suite.js'
import { tokenTests } from './token-suite.js'

/** One back end, for all tests of a file: users and nodes have names of their own in each test. */
export interface Backend {
  node(settings: NodeSettings): Store
  /** Let that much time pass, or be about to: a real clock passes by itself while the test waits. */
  pass(seconds: number): void
  /** As if the time were over for which the user's record is partial. */
  endRefill(userId: UserId): Promise<void>
  /** What OpenIM's own services would do. */
  setToken(userId: UserId, platformId: PlatformId, token: string, state: TokenState): Promise<void>
  stop(): Promise<void>
}

/** Everything that one node heard. */
export class Heard implements StoreEvents {
  snapshots: Snapshot[] = []
  notes: Note[] = []
  /** Both, in the order heard. */
  news: (Snapshot | Note)[] = []
  misses: string[] = []
  notices: [UserId, PlatformId[]][] = []
  reaches: boolean[] = []
  changed(snapshots: Snapshot[]) {
    this.snapshots.push(...snapshots)
    this.news.push(...snapshots)
  }
  nodeMessage(note: Note) {
    this.notes.push(note)
    this.news.push(note)
  }
  changesMissed(reason: string) {
    this.misses.push(reason)
  }
  openimNotice(userId: UserId, platformIds: PlatformId[]) {
    this.notices.push([userId, platformIds])
  }
  reachable(up: boolean) {
    this.reaches.push(up)
  }
  /** The snapshots of one user, in the order heard. */
  of(userId: UserId): Snapshot[] {
    return this.snapshots.filter((snapshot) => snapshot.userId === userId)
  }
}

/** What the tests of one subject work with. */
export interface Kit {
  backend: Backend
  open(t: Test, settings?: Partial<NodeSettings>): Promise<OpenNode>
  fresh(word: string): string
}

export interface OpenNode {
  store: Store
  heard: Heard
  holder: Holder
}

let serial = 0

/** A name that no other test uses. */
export function fresh(word: string): string {
  return `${word}-${++serial}`
}

/** Of a node of its own, in a process of its own. */
export function nodeSettings(): NodeSettings {
  return {
    nodeId: fresh('node'),
    processId: fresh('process'),
    presenceTtlS: 1800,
    watchTtlS: 1800,
    nodeLeaseMs: 10_000,
    offlineGraceMs: 0,
  }
}

/** A renewal of a node that knows nothing yet. */
export const RENEWAL: LeaseRenewal = {
  known: 0,
  suspects: [],
  previousIncarnations: [],
  unregistered: [],
  sweeping: undefined,
}

export async function openNode(
  t: Test,
  backend: Backend,
  settings: Partial<NodeSettings> = {},
): Promise<OpenNode> {
  const store = backend.node({ ...nodeSettings(), ...settings })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder }
}

export function holds(userId: UserId, platformIds: PlatformId[], versionSeen = 0): Assertion {
  return { userId, platformIds, versionSeen }
}

/** The same, with a login that waits for its number. */
function login(userId: UserId, platformIds: PlatformId[], versionSeen = 0): Assertion {
  return { ...holds(userId, platformIds, versionSeen), isLogin: true }
}

type Ok = Extract<AssertOutcome, { ok: true }>

/** Assert one user, which must succeed. */
export async function assertOne(store: Store, assertion: Assertion): Promise<Ok> {
  const [outcome] = await store.presence.assert([assertion])
  if (!outcome?.ok) throw new Error(outcome?.error)
  return outcome
}

async function readOne(store: Store, userId: UserId): Promise<Whereabouts> {
  return (await store.presence.read([userId]))[0]!
}

/** With the version, as a watcher is told. */
async function watchOne(store: Store, userId: UserId): Promise<Snapshot> {
  return (await store.presence.watch([userId]))[0]!
}

/** Who holds the user where, as `platform@holder`. */
export function claimsOf(snapshot: Whereabouts | undefined): string[] | undefined {
  return snapshot?.claims.map((claim) => `${claim.platformId}@${claim.holder}`)
}

export function conformance(name: string, start: () => Promise<Backend>): void {
  t.test(name, async (t) => {
    const backend = await start()
    t.teardown(() => backend.stop())
    const open = (t: Test, settings?: Partial<NodeSettings>) => openNode(t, backend, settings)

    t.test('an assertion is what everybody reads', async (t) => {
      const a = await open(t)
      const b = await open(t)
      const user = fresh('user')
      const outcome = await assertOne(a.store, holds(user, [1, 5]))
      t.match(claimsOf(outcome.changed), [`1@${a.holder}`, `5@${a.holder}`])
      t.equal(outcome.changed?.version, outcome.version)
      t.ok(Number.isSafeInteger(outcome.version) && outcome.version > 0)
      t.same(await watchOne(b.store, user), outcome.changed)
      const { claims, foreign } = outcome.changed!
      t.same(await readOne(b.store, user), { userId: user, claims, foreign })
    })

    t.test('an assertion that changes nothing is silent and keeps the version', async (t) => {
      const a = await open(t)
      const user = fresh('user')
      const first = await assertOne(a.store, holds(user, [1, 5]))
      const again = await assertOne(a.store, holds(user, [1, 5], first.version))
      t.equal(again.version, first.version)
      t.notOk('changed' in again)
    })

    t.test('each change has a greater version, also beyond one that was seen elsewhere', async (t) => {
      const a = await open(t)
      const user = fresh('user')
      let last = 0
      for (const platforms of [[1], [1, 2], [2], [], [3]]) {
        const { version } = await assertOne(a.store, holds(user, platforms))
        t.ok(version > last)
        last = version
      }
      const seen = last + 3_600_000_000
      t.equal((await assertOne(a.store, holds(user, [4], seen))).version, seen + 1)
      t.equal((await assertOne(a.store, holds(user, [5]))).version, seen + 2)
    })

    t.test('a version seen above the stored one makes even an unchanged state news again', async (t) => {
      const a = await open(t)
      const user = fresh('user')
      const { version } = await assertOne(a.store, holds(user, [1]))
      const outcome = await assertOne(a.store, holds(user, [1], version + 500_000_000))
      t.equal(outcome.version, version + 500_000_001)
      t.match(claimsOf(outcome.changed), [`1@${a.holder}`])
    })

    t.test('a user without a record has version 0, and an empty assertion leaves it so', async (t) => {
      const a = await open(t)
      const user = fresh('user')
      t.same(await watchOne(a.store, user), { userId: user, version: 0, claims: [], foreign: [] })
      t.same(await assertOne(a.store, holds(user, [])), { ok: true, userId: user, version: 0 })
    })

    t.test('one node leaving a platform does not take it from another node', async (t) => {
      const a = await open(t)
      const b = await open(t)
      const user = fresh('user')
      await assertOne(a.store, holds(user, [5]))
      await assertOne(b.store, holds(user, [5]))
      const outcome = await assertOne(a.store, holds(user, []))
      t.same(claimsOf(outcome.changed), [`5@${b.holder}`])
      t.same(outcome.changed?.foreign, [])
    })

    t.test('a watching node hears of changes, the changing node and the others do not', async (t) => {
      const a = await open(t)
      const b = await open(t)
      const c = await open(t)
      const user = fresh('user')
      const probe = fresh('user')
      t.same(await b.store.presence.watch([user, probe]), [
        { userId: user, version: 0, claims: [], foreign: [] },
        { userId: probe, version: 0, claims: [], foreign: [] },
      ])
      await a.store.presence.watch([user])
      await c.store.presence.watch([probe])
      const online = await assertOne(a.store, holds(user, [1]))
      await assertOne(a.store, holds(user, [1]))
      const offline = await assertOne(a.store, holds(user, []))
      await assertOne(b.store, holds(user, [2]))
      await assertOne(a.store, holds(probe, [1]))
      await until('b and c hear of the probe', () => b.heard.of(probe).length && c.heard.of(probe).length)
      t.same(b.heard.of(user), [online.changed, offline.changed])
      t.same(c.heard.of(user), [])
      await until('a hears what b did', () => a.heard.of(user).length)
      t.match(claimsOf(a.heard.of(user)[0]), [`2@${b.holder}`])
      t.equal(a.heard.of(user).length, 1)
    })

    t.test('watching again returns what is there now', async (t) => {
      const a = await open(t)
      const b = await open(t)
      const user = fresh('user')
      await b.store.presence.watch([user])
      const outcome = await assertOne(a.store, holds(user, [7]))
      t.same(await b.store.presence.watch([user]), [outcome.changed])
    })

    t.test('nothing is heard of a user after unwatch', async (t) => {
      const a = await open(t)
      const b = await open(t)
      const user = fresh('user')
      const probe = fresh('user')
      await b.store.presence.watch([user, probe])
      await b.store.presence.unwatch([user])
      await assertOne(a.store, holds(user, [1]))
      await assertOne(a.store, holds(probe, [1]))
      await until('b hears of the probe', () => b.heard.of(probe).length)
      t.same(b.heard.of(user), [])
    })

    t.test('changes of one user arrive in the order of their versions, many calls in flight', async (t) => {
      const a = await open(t)
      const b = await open(t)
      const users = Array.from({ length: 50 }, () => fresh('user'))
      await b.store.presence.watch(users)
      const rounds = 20
      await Promise.all(
        users.map(async (user) => {
          for (let i = 1; i <= rounds; i++) await assertOne(a.store, holds(user, i % 2 ? [1] : [1, 2]))
        }),
      )
      await until('all is heard', () => b.heard.snapshots.length >= users.length * rounds)
      for (const user of users) {
        const versions = b.heard.of(user).map((snapshot) => snapshot.version)
        t.equal(versions.length, rounds)
        t.ok(versions.every((version, i) => i === 0 || version > versions[i - 1]!))
      }
      t.same(b.heard.misses, [])
    })

    t.test('a login gets a greater number each time, and hears who else holds the user', async (t) => {
      const [a, b] = [await open(t), await open(t)]
      const user = fresh('user')
      const first = await assertOne(a.store, login(user, [1]))
      t.same(claimsOf(first.changed), [`1@${a.holder}`])
      let last = (await assertOne(b.store, holds(user, [5]))).version
      t.ok(last > first.version)
      for (const { store } of [b, a, a, b]) {
        const { version, changed } = await assertOne(store, login(user, store === a.store ? [1] : [5]))
        t.ok(version > last)
        t.equal(changed?.version, version)
        t.same(claimsOf(changed), [`1@${a.holder}`, `5@${b.holder}`])
        t.same(changed?.foreign, [])
        t.same(await watchOne(b.store, user), changed)
        last = version
      }
      const seen = last + 3_600_000_000
      t.equal((await assertOne(a.store, login(user, [1], seen))).version, seen + 1)
      t.equal((await assertOne(b.store, login(user, [5]))).version, seen + 2)
      t.notOk('changed' in (await assertOne(a.store, holds(user, [1]))), 'without a login all is as ever')
    })

    t.test('a number is news for nobody else; what changed with it is', async (t) => {
      const [a, b, c] = [await open(t), await open(t), await open(t)]
      const [user, probe] = [fresh('user'), fresh('user')]
      await assertOne(a.store, holds(user, [1]))
      await c.store.presence.watch([user, probe])
      const same = await assertOne(a.store, login(user, [1]))
      const nothing = await assertOne(b.store, login(user, []))
      await assertOne(a.store, holds(probe, [1]))
      await until('c hears of the probe', () => c.heard.of(probe).length)
      t.same(c.heard.of(user), [])
      t.ok(nothing.version > same.version)
      const more = await assertOne(b.store, login(user, [5]))
      await until('c hears of the login that brought a claim', () => c.heard.of(user).length)
      t.same(c.heard.of(user), [more.changed])
      t.same(claimsOf(more.changed), [`1@${a.holder}`, `5@${b.holder}`])
    })

    t.test('a node that holds nothing gets a number too, and leaves no claim', async (t) => {
      const [a, b] = [await open(t), await open(t)]
      const [user, nobody] = [fresh('user'), fresh('user')]
      await assertOne(a.store, holds(user, [1]))
      const held = await assertOne(b.store, login(user, []))
      t.same(claimsOf(held.changed), [`1@${a.holder}`])
      t.same(await watchOne(a.store, user), held.changed)
      const { version, changed } = await assertOne(b.store, login(nobody, []))
      t.ok(version > 0)
      t.same(changed, { userId: nobody, version, claims: [], foreign: [], isPartial: true })
      t.same(await watchOne(a.store, nobody), changed, 'the number is remembered')
      t.ok((await assertOne(b.store, login(nobody, []))).version > version)
    })

    t.test('a login sees neither what has expired nor what was given up', async (t) => {
      const [a, b, c] = [await open(t, { presenceTtlS: 1 }), await open(t), await open(t)]
      const user = fresh('user')
      for (const [i, { store }] of [a, b, c].entries()) await assertOne(store, holds(user, [i + 1]))
      await assertOne(c.store, holds(user, []))
      backend.pass(2)
      await until('a claim has expired', async () => (await readOne(b.store, user)).claims.length === 1)
      const { changed } = await assertOne(c.store, login(user, []))
      t.same(claimsOf(changed), [`2@${b.holder}`])
    })

    t.test(
      'of two logins at once, on two nodes, the one with the greater number sees the other',
      async (t) => {
        const [a, b] = [await open(t), await open(t)]
        const users = Array.from({ length: 200 }, () => fresh('user'))
        const pairs = await Promise.all(
          users.map((user, i) => {
            const both = [
              () => assertOne(a.store, login(user, [1])),
              () => assertOne(b.store, login(user, [5])),
            ]
            // Either may be the first to be sent.
            if (i % 2 === 1) both.reverse()
            return Promise.all(both.map((assert) => assert()))
          }),
        )
        const claims = [`1@${a.holder}`, `5@${b.holder}`]
        const blind = pairs.filter((pair) => {
          const [earlier, later] = pair.sort((one, other) => one.version - other.version)
          const seen = claimsOf(later?.changed)?.join()
          return earlier!.version === later!.version || seen !== claims.join()
        })
        t.same(blind, [], `of ${pairs.length} pairs`)
        const alone = pairs.filter(([earlier]) => earlier?.changed?.claims.length === 1)
        t.equal(alone.length, pairs.length, 'and the other was alone when it came')
      },
    )

    t.test('a new incarnation of a node replaces what the earlier one held', async (t) => {
      const nodeId = fresh('node')
      const before = await open(t, { nodeId })
      const user = fresh('user')
      await assertOne(before.store, holds(user, [1, 2]))
      const after = await open(t, { nodeId })
      t.not(after.holder, before.holder)
      const outcome = await assertOne(after.store, holds(user, [2, 3]))
      t.same(claimsOf(outcome.changed), [`2@${after.holder}`, `3@${after.holder}`])
      t.same(outcome.changed?.foreign, [])
    })

    t.test('claims that are not renewed vanish, and renewing keeps them', async (t) => {
      const a = await open(t, { presenceTtlS: 1 })
      const b = await open(t)
      const renewed = fresh('user')
      const left = fresh('user')
      await assertOne(b.store, holds(renewed, [1]))
      await assertOne(a.store, holds(left, [1]))
      backend.pass(2)
      await until('the claim has gone', async () => (await readOne(b.store, left)).claims.length === 0)
      t.same((await readOne(b.store, left)).foreign, [])
      t.match(claimsOf(await readOne(a.store, renewed)), [`1@${b.holder}`])
    })

    t.test(
      'an expired leftover of another node goes with the next assertion, and its end is told',
      async (t) => {
        const a = await open(t, { presenceTtlS: 1 })
        const b = await open(t)
        const c = await open(t)
        const user = fresh('user')
        await assertOne(a.store, holds(user, [1]))
        const both = await assertOne(b.store, holds(user, [2]))
        t.equal(both.changed?.claims.length, 2)
        await c.store.presence.watch([user])
        backend.pass(2)
        await until('the claim has expired', async () => (await readOne(b.store, user)).claims.length === 1)
        const outcome = await assertOne(b.store, holds(user, [2], both.version))
        t.same(claimsOf(outcome.changed), [`2@${b.holder}`])
        t.ok(outcome.version > both.version)
        await until('c hears it', () => c.heard.of(user).length)
        t.same(c.heard.of(user), [outcome.changed])
      },
    )

    t.test('an interest that is not renewed ends', async (t) => {
      const a = await open(t)
      const b = await open(t, { presenceTtlS: 1, watchTtlS: 1 })
      const user = fresh('user')
      await b.store.presence.watch([user])
      backend.pass(2)
      // A user of the same short life tells when the interest has ended.
      const clock = fresh('user')
      await assertOne(b.store, holds(clock, [1]))
      backend.pass(2)
      await until('the time is over', async () => (await readOne(a.store, clock)).claims.length === 0)
      await assertOne(a.store, holds(user, [1]))
      const probe = fresh('user')
      await b.store.presence.watch([probe])
      await assertOne(a.store, holds(probe, [1]))
      await until('b hears of the probe', () => b.heard.of(probe).length)
      t.same(b.heard.of(user), [])
    })

    t.test('a record that is new, or was lost, is partial for a while', async (t) => {
      const [a, b] = [await open(t), await open(t)]
      const user = fresh('user')
      const first = await assertOne(a.store, holds(user, [1]))
      t.equal(first.changed?.isPartial, true)
      t.equal((await assertOne(b.store, holds(user, [2]))).changed?.isPartial, true, 'and stays so')
      await backend.endRefill(user)
      t.equal((await watchOne(a.store, user)).isPartial, undefined, 'it is over')
      t.equal((await assertOne(b.store, holds(user, []))).changed?.isPartial, undefined)
      const seen = first.version + 60_000_000_000
      const again = await assertOne(a.store, holds(user, [1, 5], seen))
      t.equal(again.changed?.isPartial, true, 'somebody has seen more than there is')
      t.ok(again.version > seen)
    })

    t.test('a version outlives the last claim', async (t) => {
      const a = await open(t)
      const user = fresh('user')
      await assertOne(a.store, holds(user, [1]))
      const gone = await assertOne(a.store, holds(user, []))
      const { version, claims, foreign } = await watchOne(a.store, user)
      t.same([version, claims, foreign], [gone.version, [], []])
    })

    t.test('one bad user ID of a batch fails alone', async (t) => {
      const a = await open(t)
      const good = [fresh('user'), fresh('user')]
      const bad = ['with:colon', 'with{brace', 'with}brace', '', 'x'.repeat(129), 'with\nnewline']
      const outcomes = await a.store.presence.assert(
        [good[0]!, ...bad, good[1]!].map((user) => holds(user, [1])),
      )
      t.same(
        outcomes.map((outcome) => outcome.ok),
        [true, false, false, false, false, false, false, true],
      )
      const seen = await a.store.presence.read([good[0]!, ...bad, good[1]!])
      t.same(
        seen.map((snapshot) => snapshot.userId),
        good,
      )
      t.same(await a.store.presence.watch([bad[0]!]), [])
      await t.resolves(a.store.presence.unwatch(bad))
    })

    t.test('user IDs of any script are kept apart and whole', async (t) => {
      const a = await open(t)
      const users = ['Ünïcode-Åsa', 'имя', '用户', '%s %d', '@', '#', 'a@b#3', 'quote\'"', ' '].map(
        (word) => `${word}${fresh('')}`,
      )
      await a.store.presence.assert(users.map((user, i) => holds(user, [i + 1])))
      const seen = await a.store.presence.read(users)
      t.same(
        seen.map((snapshot) => [snapshot.userId, snapshot.claims[0]?.platformId]),
        users.map((user, i) => [user, i + 1]),
      )
    })

    t.test('a thousand users in one call, outcomes and snapshots in order', async (t) => {
      const a = await open(t)
      const users = Array.from({ length: 1000 }, () => fresh('user'))
      const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [5])))
      t.same(
        outcomes.map((outcome) => outcome.userId),
        users,
      )
      t.ok(outcomes.every((outcome) => outcome.ok && outcome.changed))
      for (const snapshots of [await a.store.presence.watch(users), await a.store.presence.read(users)]) {
        t.same(
          snapshots.map((snapshot) => snapshot.userId),
          users,
        )
        t.ok(snapshots.every((snapshot) => snapshot.claims.length === 1))
      }
      await a.store.presence.unwatch(users)
    })

    t.test('nothing to do is done', async (t) => {
      const a = await open(t)
      t.same(await a.store.presence.assert([]), [])
      t.same(await a.store.presence.watch([]), [])
      t.same(await a.store.presence.read([]), [])
      await a.store.presence.unwatch([])
      await a.store.ping()
    })

    t.test('tokens are known by user, platform and text', async (t) => {
      const a = await open(t)
      const user = fresh('user')
      t.equal(await a.store.tokens.tokenState(user, 5, 'token'), 'unknown')
      await a.store.tokens.rememberToken(user, 5, 'token', 60)
      t.equal(await a.store.tokens.tokenState(user, 5, 'token'), 'normal')
      t.equal(await a.store.tokens.tokenState(user, 5, 'other'), 'unknown')
      t.equal(await a.store.tokens.tokenState(user, 1, 'token'), 'unknown')
      for (const state of ['kicked', 'invalid', 'expired', 'normal'] as const) {
        await backend.setToken(user, 5, 'token', state)
        t.equal(await a.store.tokens.tokenState(user, 5, 'token'), state)
      }
    })

    t.test('tokens are forgotten after their time, and a shorter one cuts no longer one', async (t) => {
      const a = await open(t)
      const [long, short] = [fresh('user'), fresh('user')]
      await a.store.tokens.rememberToken(long, 5, 'long', 600)
      await a.store.tokens.rememberToken(long, 5, 'short', 1)
      await a.store.tokens.rememberToken(short, 5, 'short', 1)
      backend.pass(2)
      await until(
        'it is forgotten',
        async () => (await a.store.tokens.tokenState(short, 5, 'short')) === 'unknown',
      )
      t.equal(await a.store.tokens.tokenState(long, 5, 'long'), 'normal')
    })

    t.test('registry', async (t) => registryTests(t, { backend, open, fresh }))
    t.test('notes', async (t) => noteTests(t, { backend, open, fresh }))
    t.test('tokens', async (t) => tokenTests(t, { backend, open, fresh }))
    t.test('seats', async (t) => seatTests(t, { backend, open, fresh }))

    t.test('a node ID that records cannot hold is refused', async (t) => {
      for (const nodeId of ['', 'a#b', 'a@b', 'a:b', 'x'.repeat(65), 'a b']) {
        t.throws(() => backend.node({ ...nodeSettings(), nodeId }), {
          code: 'STORE_UNSUITABLE',
        })
      }
    })
  })
}
