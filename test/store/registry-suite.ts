/** What every store promises about who lives, who is dead, and what becomes of what the dead held. */
import type { Test } from 'tap'
import { Membership } from '../../src/rules/cluster/membership.js'
import type { Holder } from '../../src/rules/types.js'
import type { Lease } from '../../src/store/ports/node-registry.js'
import { until } from '../support/redis.js'
import { assertOne, claimsOf, holds, type Kit, type OpenNode, RENEWAL } from './suite.js'

const LEASE_MS = 300
const MANY = 1_200

/** A node that renews its lease as sync does, and what it has heard so far. */
class Member {
  readonly members = new Membership()
  lease: Lease = { isHeld: true, suspects: [] }
  lost: Holder[] = []
  previousIncarnations: Holder[] = []
  unregistered: Holder[] = []
  /** Whose sweep it takes on, and has taken on. */
  wanted: Holder | undefined
  sweeping: Holder | undefined

  constructor(
    readonly node: OpenNode,
    private readonly nowMs: () => number,
  ) {}

  async renew(suspects = this.lease.suspects): Promise<Lease> {
    const { previousIncarnations, unregistered, sweeping, members } = this
    const known = members.version
    this.lease = await this.node.store.registry.renewLease({
      known,
      suspects,
      previousIncarnations,
      unregistered,
      sweeping,
    })
    this.unregistered = []
    const { toSweep } = this.lease
    if (toSweep === this.wanted) this.sweeping ??= toSweep
    // Left over from another test.
    else if (toSweep !== undefined) await this.node.store.registry.sweep(toSweep)
    if (this.lease.registry !== undefined) members.learn(this.lease.registry, this.nowMs())
    return this.lease
  }
}

export async function registryTests(t: Test, { backend, open, fresh }: Kit): Promise<void> {
  let passedMs = 0
  const nowMs = () => performance.now() + passedMs
  const pass = (ms: number) => {
    backend.pass(ms / 1_000)
    passedMs += ms
  }
  const member = async (t: Test, settings: Parameters<typeof open>[1] = {}) =>
    new Member(await open(t, { nodeLeaseMs: LEASE_MS, ...settings }), nowMs)
  const nodeOf = ({ holder }: OpenNode) => holder.slice(0, holder.lastIndexOf('#'))

  /** Renew a third of a lease apart until it is so; the virtual clock has to be told. */
  const renewUntil = async (what: string, members: Member[], isSo: () => boolean | Promise<boolean>) =>
    until(what, async () => {
      pass(LEASE_MS / 3)
      await new Promise((resolve) => setTimeout(resolve, LEASE_MS / 3))
      for (const one of members) await one.renew()
      return isSo()
    })

  t.test('epochs of a node rise, and a lease that is renewed is kept', async (t) => {
    const first = await member(t)
    t.ok((await first.renew()).isHeld)
    t.ok(first.lease.registry!.living.includes(first.node.holder))
    t.equal((await first.renew()).registry, undefined, 'what is known is not told again')
    const second = await member(t, { nodeId: nodeOf(first.node) })
    const epoch = ({ holder }: OpenNode) => Number(holder.slice(holder.lastIndexOf('#') + 1))
    t.ok(epoch(second.node) > epoch(first.node))
    t.notOk((await first.renew()).isHeld, 'a node that was started anew has taken its place')
    t.notOk((await second.node.store.registry.living()).includes(first.node.holder))
    t.ok((await second.node.store.registry.living()).includes(second.node.holder))
  })

  t.test('a node that renews no more is dead for all who do, and stays dead', async (t) => {
    const [dead, a, b] = [await member(t), await member(t), await member(t)]
    const user = fresh('user')
    await assertOne(dead.node.store, holds(user, [1]))
    await renewUntil('both have heard', [a, b], () =>
      [a, b].every(({ members }) => members.isGone(dead.node.holder)),
    )
    const snapshot = (await a.node.store.presence.read([user]))[0]!
    t.same(claimsOf(a.members.filter(snapshot)), [])
    t.notOk((await dead.renew()).isHeld)
    t.notOk(a.members.isGone(b.node.holder))
    t.notOk(b.members.isGone(a.node.holder))
    const back = await dead.node.store.open(dead.node.heard)
    t.not(back.holder, dead.node.holder)
    t.same(back.previousIncarnations, [])
    await a.renew()
    t.notOk(a.members.isGone(back.holder))
    t.ok(a.members.isGone(dead.node.holder))
  })

  t.test('an unregistered holder is marked dead, and no holder in the registry is one', async (t) => {
    const [a, b] = [await member(t), await member(t)]
    const unregistered = `${fresh('node')}#7`
    a.unregistered = [unregistered, b.node.holder]
    for (const one of [a, b]) one.wanted = unregistered
    await a.renew()
    await b.renew()
    t.ok(b.lease.registry!.dead.some(({ holder, inMs }) => holder === unregistered && inMs === 0))
    t.ok((await a.node.store.registry.living()).includes(b.node.holder))
    b.unregistered = [unregistered]
    const { version } = b.members
    await b.renew()
    t.equal(b.members.version, version, 'once')
    await renewUntil('it is given to somebody to be swept', [a, b], () =>
      [a, b].some(({ sweeping }) => sweeping === unregistered),
    )
  })

  t.test('a lease that has ended is renewed all the same, while nobody took its node for dead', async (t) => {
    const [late, a] = [await member(t), await member(t)]
    await a.renew()
    pass(3 * LEASE_MS)
    await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS))
    await a.renew([])
    t.ok(a.lease.suspects.some(({ holder }) => holder === late.node.holder))
    t.ok((await late.renew()).isHeld)
    await a.renew()
    t.ok((await late.renew()).isHeld, 'it renewed since it was a suspect')
  })

  t.test('what nobody suspected is not marked dead, however late it is', async (t) => {
    const [late, a] = [await member(t), await member(t)]
    pass(3 * LEASE_MS)
    await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS))
    await a.renew([])
    await a.renew([])
    t.ok((await a.node.store.registry.living()).includes(late.node.holder))
  })

  t.test('claims of a node that was started anew count until the grace is over', async (t) => {
    const graceMs = 60_000
    const [a, before] = [await member(t), await member(t, { offlineGraceMs: graceMs })]
    const user = fresh('user')
    await assertOne(before.node.store, holds(user, [1]))
    await open(t, { nodeId: nodeOf(before.node), offlineGraceMs: graceMs })
    await a.renew()
    const isShown = async () =>
      a.members.filter((await a.node.store.presence.read([user]))[0]!).claims.length > 0
    t.ok(await isShown())
    const dueMs = a.members.dueMs()!
    t.ok(Math.abs(dueMs - nowMs() - graceMs) < 5_000)
    t.same(a.members.expire(dueMs - 1), [])
    t.same(a.members.expire(dueMs), [before.node.holder])
    t.notOk(await isShown())
  })

  t.test('a process that takes a new epoch is not dead under the old one while it renews both', async (t) => {
    const [a, b] = [await member(t), await member(t)]
    const again = await a.node.store.open(a.node.heard)
    t.same(again.previousIncarnations, [a.node.holder])
    const now = new Member({ ...a.node, holder: again.holder }, nowMs)
    now.previousIncarnations = again.previousIncarnations
    for (let n = 0; n < 6; n++) await renewUntil('a while has passed', [now, b], () => true)
    t.notOk(b.members.isGone(a.node.holder))
    now.previousIncarnations = []
    await renewUntil('it is not kept any more', [now, b], () => b.members.isGone(a.node.holder))
    t.notOk(b.members.isGone(again.holder))
  })

  t.test(
    'a process that takes a new epoch late is not dead under the old one for those who waited',
    async (t) => {
      const [a, b] = [await member(t), await member(t)]
      pass(2 * LEASE_MS)
      await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS))
      await b.renew([])
      t.ok(b.lease.suspects.some(({ holder }) => holder === a.node.holder))
      await a.node.store.open(a.node.heard)
      await b.renew()
      t.notOk(b.members.isGone(a.node.holder))
    },
  )

  t.test('who loses its lease hears which other process has the name, and for how long', async (t) => {
    const first = await member(t)
    const nodeId = nodeOf(first.node)
    const second = await member(t, { nodeId, nodeLeaseMs: 60_000 })
    const { isHeld, rival } = await first.renew()
    t.notOk(isHeld)
    t.equal(rival?.holder, second.node.holder)
    t.ok(rival!.leaseLeftMs > 0 && rival!.leaseLeftMs <= 60_000, `${rival!.leaseLeftMs} ms`)
    await second.node.store.close(true)
    t.equal((await first.renew()).rival, undefined, 'it has left')
    const again = await first.node.store.open(first.node.heard)
    t.ok((await first.renew()).isHeld)
    t.not(again.holder, first.node.holder)
  })

  t.test('a new epoch of the same process is no other process', async (t) => {
    const settings = { nodeId: fresh('node'), processId: fresh('process') }
    const before = await member(t, settings)
    await open(t, settings)
    const { rival, isHeld } = await before.renew()
    t.ok(isHeld, 'a former is kept')
    t.equal(rival, undefined)
  })

  t.test('a node that leaves is gone, and no death', async (t) => {
    const [a, b] = [await member(t), await member(t)]
    await b.renew()
    t.notOk(b.members.isGone(a.node.holder))
    pass(10)
    await a.node.store.close(true)
    t.same(
      (await b.renew()).registry!.dead.filter(({ holder }) => holder === a.node.holder),
      [],
    )
    t.ok(b.members.isGone(a.node.holder))
    t.notOk((await b.node.store.registry.living()).includes(a.node.holder))
    await t.rejects(a.node.store.presence.assert([holds(fresh('user'), [1])]), { code: 'STORE_UNAVAILABLE' })
    await t.resolves(a.node.store.close(true), 'closing twice does no harm')
  })

  t.test('a node that closes without leaving is dead in the end', async (t) => {
    const [a, b] = [await member(t), await member(t)]
    await a.node.store.close(false)
    t.ok((await b.node.store.registry.living()).includes(a.node.holder))
    await renewUntil('its lease has ended', [b], () => b.members.isGone(a.node.holder))
    t.ok(b.lease.registry?.dead ?? true)
  })

  t.test('one survivor sweeps what a dead node held, and those who watch hear of it', async (t) => {
    const dead = await member(t)
    const watching = await open(t)
    const users = Array.from({ length: MANY }, () => fresh('user'))
    const shared = users[0]!
    for (let i = 0; i < MANY; i += 400)
      await dead.node.store.presence.assert(users.slice(i, i + 400).map((user) => holds(user, [1, 5])))
    const survivors = [await member(t), await member(t)]
    for (const one of survivors) one.wanted = dead.node.holder
    await assertOne(survivors[0]!.node.store, holds(shared, [5]))
    await watching.store.presence.watch([shared])
    await renewUntil('one of them is given the sweep', survivors, () =>
      survivors.some(({ sweeping }) => sweeping === dead.node.holder),
    )
    const sweepers = survivors.filter(({ sweeping }) => sweeping === dead.node.holder)
    t.equal(sweepers.length, 1)
    await renewUntil('it keeps the sweep', survivors, () => true)
    t.equal(survivors.filter(({ sweeping }) => sweeping === dead.node.holder).length, 1)
    t.equal(await sweepers[0]!.node.store.registry.sweep(dead.node.holder), MANY)
    t.same(claimsOf((await watching.store.presence.read([shared]))[0]), [`5@${survivors[0]!.node.holder}`])
    await until('the watcher hears', () => watching.heard.of(shared).at(-1)?.claims.length === 1)
    for (let i = 0; i < MANY; i += 400) {
      const left = await watching.store.presence.read(users.slice(i, i + 400))
      t.equal(left.flatMap(({ claims, foreign }) => [...claims, ...foreign]).length, i === 0 ? 1 : 0)
    }
    sweepers[0]!.sweeping = undefined
    await renewUntil('nothing is left to sweep', survivors, () => true)
    t.same(
      survivors.filter(({ sweeping }) => sweeping === dead.node.holder),
      [],
    )
  })

  t.test('a sweep is given to another when its sweeper dies', async (t) => {
    const dead = await member(t)
    const first = await member(t)
    first.wanted = dead.node.holder
    await renewUntil('the first is given the sweep', [first], () => first.sweeping === dead.node.holder)
    const second = await member(t)
    second.wanted = dead.node.holder
    await renewUntil('the second is given it', [second], () => second.sweeping === dead.node.holder)
  })

  t.test('the claims of a later incarnation survive the sweep of the one before', async (t) => {
    const before = await open(t)
    const user = fresh('user')
    await assertOne(before.store, holds(user, [1, 2]))
    const now = await open(t, { nodeId: nodeOf(before) })
    const sweeper = await open(t)
    await assertOne(now.store, holds(user, [5]))
    await sweeper.store.registry.sweep(before.holder)
    t.same(claimsOf((await sweeper.store.presence.read([user]))[0]), [`5@${now.holder}`])
  })

  t.test('after a new epoch a node hears on, and misses nothing', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const { holder } = await a.store.open(a.heard)
    t.not(holder, a.holder)
    t.ok((await b.store.registry.living()).includes(holder))
    const user = fresh('user')
    await a.store.presence.watch([user])
    await assertOne(b.store, holds(user, [1]))
    await until('the new incarnation hears', () => a.heard.of(user).length)
    t.same(a.heard.misses, [])
  })

  t.test('who is not open renews nothing', async (t) => {
    const a = await open(t)
    await a.store.close(true)
    await t.rejects(a.store.registry.renewLease(RENEWAL), { code: 'STORE_UNAVAILABLE' })
  })
}
