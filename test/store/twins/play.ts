/** Plays a sequence of steps on both stores, and compares what comes of each. */
import { isDeepStrictEqual } from 'node:util'
import { tokenDigest } from '../../../src/rules/logins/token-digest.js'
import { distinct } from '../../../src/rules/platforms.js'
import type { Assertion } from '../../../src/rules/types.js'
import type { Lease, LeaseRenewal } from '../../../src/store/ports/node-registry.js'
import type { StoreEvents } from '../../../src/store/ports/store.js'
import { type AssertedUser, PLATFORMS, type SlotStep, type Step, TOKENS, USERS } from './steps.js'
import { type RedisWorld, SLOTS, type World } from './world.js'

/**
 * Times that a sequence is played until a difference counts. Lives in Redis run in real time: where the machine stalls for
 * half a second, they end too early, and the next time they do not.
 */
const TRIES = 3
/** No store has given such a version yet. */
const ABOVE = 5_000_000
/** In no registry. */
const GHOST = 'n9#7'

/** What every sequence begins with: a node of each name. */
const PRELUDE: Step[] = [0, 2, 3].map((slot) => ({ does: 'open', slot }))

export class DifferenceError extends Error {}

interface Side<W extends World = World> {
  world: W
  /** By node: what its last process heard since that was compared last. */
  heard: Map<string, unknown[]>
  /** By node: the process that hears. */
  listener: Map<string, number>
}

/** What is known after the steps so far, the same on both sides. */
interface Past {
  open: Set<number>
  previousIncarnations: Map<number, string[]>
  holders: string[]
  versions: Map<string, number>
  /** By slot: its renewals, the last one first. */
  leases: Map<number, Lease[]>
  sweeping: Map<number, string>
}

export class Twins {
  readonly #worlds: readonly [embedded: World, redis: RedisWorld]

  constructor(embedded: World, redis: RedisWorld) {
    this.#worlds = [embedded, redis]
  }

  /** Returns the outcome of each step that was taken. Throws a DifferenceError that names the step and both outcomes. */
  async play(steps: readonly Step[]): Promise<unknown[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await new Sequence(this.#worlds).play(steps)
      } catch (error) {
        if (!(error instanceof DifferenceError) || tries === TRIES) throw error
      }
    }
  }
}

class Sequence {
  readonly #sides: readonly [embedded: Side, redis: Side<RedisWorld>]
  #hasPassed = false
  readonly #outcomes: unknown[] = []
  readonly #past: Past = {
    open: new Set(),
    previousIncarnations: new Map(),
    holders: [GHOST],
    versions: new Map(),
    leases: new Map(),
    sweeping: new Map(),
  }

  constructor([embedded, redis]: readonly [World, RedisWorld]) {
    const side = <W extends World>(world: W): Side<W> => ({ world, heard: new Map(), listener: new Map() })
    this.#sides = [side(embedded), side(redis)]
  }

  async play(steps: readonly Step[]): Promise<unknown[]> {
    for (const { world } of this.#sides) await world.reset()
    for (const step of PRELUDE) await this.#step(step)
    this.#outcomes.length = 0
    for (const step of steps) await this.#step(step)
    const outcomes = [...this.#outcomes]
    for (const step of this.#finale()) await this.#step(step)
    await this.#compareNews('the end')
    return outcomes
  }

  /** Everything that can be read is read. */
  *#finale(): Iterable<Step> {
    const readers = [...this.#past.open]
    for (const slot of readers) {
      yield { does: 'watch', slot, userIds: USERS }
      yield {
        does: 'renew',
        slot,
        knows: false,
        suspectsOf: 'none',
        unregistered: [],
        keepsPrevious: true,
        sweeps: false,
      }
    }
    const [slot] = readers
    if (slot === undefined) return
    yield { does: 'read', slot, userIds: USERS }
    yield { does: 'living', slot }
    for (const userId of USERS) {
      yield { does: 'tokensOf', slot, userId }
      for (const token of TOKENS)
        for (const platformId of [1, 5]) yield { does: 'kickedBy', slot, userId, platformId, token }
      // A seat that every other seat of its platform hinders.
      for (const platformId of PLATFORMS) {
        const rules = {
          seat: `${platformId}/z.9`,
          rivals: [platformId],
          rivalsYield: false,
          perUserMax: 0,
          perPlatformMax: 0,
        }
        yield { does: 'takeSeat', slot, userId, onlyLiving: false, rules: { platformId, ...rules } }
      }
    }
  }

  async #step(step: Step): Promise<void> {
    if (step.does === 'open') return this.#open(step.slot)
    if (step.does === 'pass') {
      this.#hasPassed = true
      return void (await this.#both(step, ({ world }) => world.pass(step.seconds)))
    }
    if (step.does === 'setToken') {
      const { userId, platformId, token, state, ttlS } = step
      return void (await this.#both(step, ({ world }) =>
        world.setToken(userId, platformId, token, state, ttlS),
      ))
    }
    if (!this.#past.open.has(step.slot)) return
    // Of two processes with one name only the later hears the embedded store. In Redis the earlier one hears as well, and
    // what it says to its own name it may keep to itself.
    if (step.does === 'kick' && this.#sides[0].listener.get(SLOTS[step.slot]!.nodeId) !== step.slot) return
    await this.#slotStep(step)
  }

  async #open(slot: number): Promise<void> {
    const step = { does: 'open', slot }
    // What was said to an earlier process of the name is not for this one.
    await this.#compareNews(step)
    const { nodeId } = SLOTS[slot]!
    const { holder, previousIncarnations } = await this.#both(step, async (side) => {
      side.listener.set(nodeId, slot)
      const opened = await side.world.open(slot, eventsOf(side, nodeId, slot))
      return { holder: opened.holder, previousIncarnations: opened.previousIncarnations.sort() }
    })
    this.#past.open.add(slot)
    this.#past.previousIncarnations.set(slot, previousIncarnations)
    if (!this.#past.holders.includes(holder)) this.#past.holders.push(holder)
    this.#past.leases.delete(slot)
  }

  async #slotStep(step: SlotStep): Promise<void> {
    const past = this.#past
    const { slot } = step
    switch (step.does) {
      case 'assert': {
        const batch = step.users.map((user) => this.#assertion(user, step.seats))
        const outcomes = await this.#both(step, ({ world }) => world.store(slot).assert(batch))
        for (const outcome of outcomes) past.versions.set(outcome.userId, outcome.ok ? outcome.version : 0)
        return this.#checkUnions(step)
      }
      case 'renew': {
        const renewal = this.#renewal(step)
        const lease = await this.#both(step, async ({ world }) =>
          inOrder(await world.store(slot).renewLease(structuredClone(renewal))),
        )
        past.leases.set(slot, [lease, ...(past.leases.get(slot) ?? [])].slice(0, 2))
        if (lease.toSweep !== undefined) past.sweeping.set(slot, lease.toSweep)
        return
      }
      case 'sweep': {
        const dead = past.sweeping.get(slot) ?? past.holders[step.which % past.holders.length]!
        past.sweeping.delete(slot)
        await this.#compareNews(step)
        await this.#both(step, ({ world }) => world.store(slot).sweep(dead))
        // Redis leaves out earlier incarnations of a watching node where others are told in the same call; the embedded
        // store tells them too. It makes no difference: a node watches anew under its new epoch.
        await this.#dropNews()
        return this.#checkUnions(step)
      }
      case 'leave':
        await this.#compareNews(step)
        await this.#both(step, ({ world }) => world.leave(slot))
        past.open.delete(slot)
        return
      default:
        await this.#both(step, (side) => call(side.world, step))
    }
  }

  #assertion({ userId, platformIds, seen, isLogin }: AssertedUser, seats: Assertion['seats']): Assertion {
    const latest = this.#past.versions.get(userId) ?? 0
    const versionSeen = { none: 0, below: Math.max(0, latest - 1), latest, above: latest + ABOVE }[seen]
    const assertion: Assertion = { userId, platformIds, versionSeen }
    if (isLogin) assertion.isLogin = true
    if (seats !== undefined) assertion.seats = seats
    return assertion
  }

  #renewal({
    slot,
    knows,
    suspectsOf,
    unregistered,
    keepsPrevious,
    sweeps,
  }: SlotStep & { does: 'renew' }): LeaseRenewal {
    const { leases, holders, previousIncarnations, sweeping } = this.#past
    const [last, before] = leases.get(slot) ?? []
    const versions = [last, before].map((lease) => lease?.registry?.version ?? 0)
    return {
      known: knows ? Math.max(...versions) : 0,
      suspects: { none: undefined, last, before }[suspectsOf]?.suspects ?? [],
      previousIncarnations: keepsPrevious ? (previousIncarnations.get(slot) ?? []) : [],
      unregistered: unregistered.map((which) => holders[which % holders.length]!),
      sweeping: sweeps ? sweeping.get(slot) : undefined,
    }
  }

  /**
   * The union that OpenIM reads has every platform that is claimed. It has no other as long as no time has passed: a
   * platform that one node withdraws while another claims it ends when the longer of the two would have.
   */
  async #checkUnions(step: unknown): Promise<void> {
    const [embedded, redis] = this.#sides
    const [reader] = this.#past.open
    if (reader === undefined) return
    const snapshots = await embedded.world.store(reader).read(USERS)
    for (const { userId, claims } of snapshots) {
      const claimed = distinct(claims.map(({ platformId }) => platformId))
      const union = await redis.world.union(userId)
      const seen = this.#hasPassed ? union.filter((platformId) => claimed.includes(platformId)) : union
      if (!isDeepStrictEqual(seen, claimed))
        throw differenceAt(['the union of', userId, step], claimed, union)
    }
  }

  /** The outcome, which must be the same on both sides. */
  async #both<T>(step: unknown, act: (side: Side) => Promise<T>): Promise<T> {
    const [embedded, redis] = this.#sides
    const [ours, theirs] = [await outcomeOf(act(embedded)), await outcomeOf(act(redis))]
    if (!isDeepStrictEqual(ours, theirs)) throw differenceAt(step, ours, theirs)
    if ('failed' in ours) throw new Error(`${JSON.stringify(step)} fails on both sides: ${ours.failed}`)
    this.#outcomes.push(ours.is)
    return ours.is
  }

  async #compareNews(step: unknown): Promise<void> {
    for (const { world } of this.#sides) await world.settle()
    const [ours, theirs] = this.#sides.map(({ heard }) => Object.fromEntries([...heard].sort()))
    if (!isDeepStrictEqual(ours, theirs)) throw differenceAt(['what nodes heard before', step], ours, theirs)
    for (const { heard } of this.#sides) heard.clear()
  }

  async #dropNews(): Promise<void> {
    for (const { world, heard } of this.#sides) {
      await world.settle()
      heard.clear()
    }
  }
}

function eventsOf({ heard, listener }: Side, nodeId: string, slot: number): StoreEvents {
  const hear = (...news: unknown[]) => {
    if (listener.get(nodeId) === slot) heard.set(nodeId, [...(heard.get(nodeId) ?? []), news])
  }
  return {
    changed: (snapshots, by) => hear('changed', by, ...snapshots),
    nodeMessage: (note) => hear('nodeMessage', note),
    changesMissed: () => {},
    openimNotice: () => {},
    reachable: () => {},
  }
}

type Outcome<T> = { is: T } | { failed: string }

async function outcomeOf<T>(promise: Promise<T>): Promise<Outcome<T>> {
  try {
    return { is: await promise }
  } catch (error) {
    return { failed: (error as { code?: string }).code ?? String(error) }
  }
}

function differenceAt(step: unknown, ours: unknown, theirs: unknown): DifferenceError {
  const lines = [step, ours, theirs].map((value) => JSON.stringify(value))
  return new DifferenceError(
    `the stores differ at ${lines[0]}\n  embedded ${lines[1]}\n  Redis    ${lines[2]}`,
  )
}

/** What needs no more than its own arguments. */
async function call(world: World, step: SlotStep): Promise<unknown> {
  const store = world.store(step.slot)
  switch (step.does) {
    case 'watch':
      return store.watch(step.userIds)
    case 'unwatch':
      return store.unwatch(step.userIds)
    case 'read':
      return store.read(step.userIds)
    case 'living':
      return (await store.living()).sort()
    case 'takeSeat': {
      const outcome = await store.takeSeat({ userId: step.userId, ...step.rules }, step.onlyLiving)
      return outcome.isTaken ? outcome : { ...outcome, holders: outcome.holders.sort() }
    }
    case 'tokensOf':
      return (await store.tokensOf(step.userId)).map((one) => Object.values(one).join()).sort()
    default:
      return callAboutToken(world, step)
  }
}

async function callAboutToken(world: World, step: SlotStep): Promise<unknown> {
  const store = world.store(step.slot)
  switch (step.does) {
    case 'tokenState':
      return store.tokenState(step.userId, step.platformId, step.token)
    case 'kickedBy':
      return store.kickedBy(step.userId, step.platformId, step.token)
    case 'remember':
      return store.rememberToken(step.userId, step.platformId, step.token, step.ttlS)
    case 'kick':
      return store.kickTokens(step.userId, step.platformId, step.tokens, step.by, step.ttlS)
    case 'vouch':
      return store.vouchForToken(step.userId, step.platformId, step.token, step.login)
    case 'forget':
      return store.forgetTokens(step.userId, step.platformId, step.tokens)
    case 'rememberRefresh':
      return store.rememberRefresh(step.userId, step.platformId, tokenDigest(step.refresh), step.ttlS)
    case 'takeRefresh':
      return store.takeRefresh(step.userId, step.platformId, tokenDigest(step.refresh))
    case 'forgetRefreshes':
      return store.forgetRefreshes(step.userId, step.platformId)
  }
}

/** Without the order of lists that stand for sets. */
function inOrder(lease: Lease): Lease {
  const byHolder = (a: { holder: string }, b: { holder: string }) => (a.holder < b.holder ? -1 : 1)
  lease.suspects.sort(byHolder)
  lease.registry?.living.sort()
  lease.registry?.dead.sort(byHolder)
  return lease
}
