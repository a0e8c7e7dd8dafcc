/** A store that counts as reachable, and answers late or not at all. */
import t from 'tap'
import { StoreUnavailableError } from '../../src/errors/errors.js'
import { OPENIM_PLATFORMS, Platform } from '../../src/openim/platforms.js'
import { ADMIN_KICK } from '../../src/rules/logins/eviction.js'
import { LoginPolicy, type Policy } from '../../src/rules/logins/login-policy.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { Assertion, AssertOutcome, TokenState } from '../../src/rules/types.js'
import { World } from '../../src/runtime/testkit/world.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Incarnation } from '../../src/store/ports/node-registry.js'
import type { StoreEvents } from '../../src/store/ports/store.js'
import { gate } from '../support/gate.js'
import { VirtualNode } from '../support/virtual-node.js'
import { pass } from '../support/virtual-time.js'
import { readToken, spellToken } from '../support/virtual-tokens.js'
import { APART, SETTINGS } from './virtual-cluster.js'

const HOUR_S = 3_600

/** Has failures of its own. */
class BalkyStore extends MemoryStore {
  events: StoreEvents | undefined
  refusals = 0
  /** Whatever is asserted, or kicked, meanwhile waits for these. */
  assertsFrom: Promise<void> | undefined
  kicksFrom: Promise<void> | undefined

  override open(events: StoreEvents): Promise<Incarnation> {
    this.events = events
    return super.open(events)
  }

  override async tokenState(userId: string, platformId: number, token: string): Promise<TokenState> {
    if (this.refusals === 0) return super.tokenState(userId, platformId, token)
    this.refusals--
    throw new StoreUnavailableError('a made-up error')
  }

  override async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    await this.assertsFrom
    return super.assert(batch)
  }

  override async kickTokens(...args: Parameters<MemoryStore['kickTokens']>): Promise<void> {
    await this.kicksFrom
    return super.kickTokens(...args)
  }
}

/** Nodes on one backend. */
class Place {
  readonly world = new World({ seed: 1 })
  readonly backend = new MemoryBackend(() => this.#wallMs())
  readonly #platforms = new PlatformTable(OPENIM_PLATFORMS)
  readonly #policy: LoginPolicy

  constructor(policy: Policy) {
    this.#policy = new LoginPolicy(policy, this.#platforms)
  }

  start(name: string): { node: VirtualNode; store: () => BalkyStore } {
    let store: BalkyStore | undefined
    const node = new VirtualNode(
      {
        world: this.world,
        layout: APART,
        settings: SETTINGS,
        platforms: this.#platforms,
        policy: this.#policy,
        seating: undefined,
        createStore: ({ nodeId, processId }) => {
          store = new BalkyStore(this.backend, { ...SETTINGS, nodeId, processId })
          return store
        },
        verifyToken: (token) => readToken(token, this.#wallMs()),
        wallMs: () => this.#wallMs(),
      },
      name,
    )
    return { node, store: () => store! }
  }

  async token(jti: string): Promise<string> {
    const place = { userId: 'ann', platformId: Platform.Android, issuedAtS: 0, jti }
    const token = spellToken(place, this.#wallMs(), HOUR_S)
    await this.backend.tokens.set('ann', Platform.Android, token, 'normal', HOUR_S)
    return token
  }

  run(ms: number): Promise<void> {
    return pass(this.world, ms)
  }

  #wallMs(): number {
    return Date.UTC(2026, 0) + this.world.nowMs
  }
}

t.test('who came in unchecked is asked about until the store has an answer', async (t) => {
  const place = new Place(0)
  const { node, store } = place.start('node')
  await place.run(1_000)
  const token = await place.token('1')
  const client = node.connect(0, 0, 'ann', Platform.Android, token)!
  await place.run(1_000)
  t.equal(client.state, 'in')
  // Of this the node does not hear: its connection is just gone.
  await place.backend.tokens.kick('ann', Platform.Android, [token], ADMIN_KICK, HOUR_S).saved
  store().refusals = 3
  store().events!.reachable(false, 'a test')
  store().events!.reachable(true, 'a test')
  await place.run(1_000)
  t.equal(client.state, 'in', 'there is no answer yet')
  await place.run(5_000)
  t.same([store().refusals, client.state, client.kicks], [0, 'closed', 1])
})

t.test('a login that is kicked while its number is on the way removes nobody', async (t) => {
  const place = new Place(1)
  const [far, near] = [place.start('far'), place.start('near')]
  await place.run(1_000)
  const stays = near.node.connect(0, 0, 'ann', Platform.Android, await place.token('1'))!
  await place.run(1_000)
  const [assertsFrom, kicksFrom] = [gate(), gate()]
  far.store().assertsFrom = assertsFrom.promise
  far.store().kicksFrom = kicksFrom.promise
  const token = await place.token('2')
  const kicked = far.node.connect(0, 0, 'ann', Platform.Android, token)!
  await place.run(100)
  t.equal(kicked.state, 'in')
  await near.store().kickTokens('ann', Platform.Android, [token], ADMIN_KICK, HOUR_S)
  await place.run(100)
  assertsFrom.open()
  await place.run(1_000)
  t.equal(kicked.state, 'in', 'its socket waits until its token is flagged')
  kicksFrom.open()
  await place.run(1_000)
  t.same([kicked.state, kicked.kicks], ['closed', 1])
  t.same([stays.state, stays.kicks], ['in', 0])
})
