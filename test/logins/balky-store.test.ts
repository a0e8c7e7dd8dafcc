/** A store that counts as reachable, and answers late or not at all. */
import t from 'tap'
import { StoreUnavailableError } from '../../src/errors/errors.js'
import { Platform } from '../../src/openim/platforms.js'
import { ADMIN_KICK } from '../../src/rules/logins/eviction.js'
import { LoginPolicy, type Policy } from '../../src/rules/logins/login-policy.js'
import type { Assertion, AssertOutcome, TokenState } from '../../src/rules/types.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Incarnation } from '../../src/store/ports/node-registry.js'
import type { StoreEvents } from '../../src/store/ports/store.js'
import { gate } from '../support/gate.js'
import { APART, PLATFORMS, VirtualCluster } from '../world/cluster.js'
import type { VirtualNode } from '../world/node.js'
import { SETTINGS } from './login-cluster.js'

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

/** Nodes on one backend, each with a store of its own. */
class Place extends VirtualCluster {
  readonly #stores = new Map<string, BalkyStore>()

  constructor(policy: Policy) {
    super({
      seed: 1,
      layout: APART,
      settings: SETTINGS,
      policy: new LoginPolicy(policy, PLATFORMS),
      createStore: ({ nodeId, processId }) => {
        const store = new BalkyStore(this.backend, { ...SETTINGS, nodeId, processId })
        this.#stores.set(nodeId, store)
        return store
      },
    })
  }

  start(): { node: VirtualNode; store: () => BalkyStore } {
    const node = this.addNode()
    return { node, store: () => this.#stores.get(node.nodeId)! }
  }

  async token(jti: string): Promise<string> {
    const token = this.spell({ userId: 'ann', platformId: Platform.Android, issuedAtS: 0, jti }, HOUR_S)
    await this.backend.tokens.set('ann', Platform.Android, token, 'normal', HOUR_S)
    return token
  }
}

t.test('who came in unchecked is asked about until the store has an answer', async (t) => {
  const place = new Place(0)
  const { node, store } = place.start()
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
  const [far, near] = [place.start(), place.start()]
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
