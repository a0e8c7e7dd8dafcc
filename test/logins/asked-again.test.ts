/** A question about a token that the store does not answer, although it counts as reachable. */
import t from 'tap'
import { StoreUnavailableError } from '../../src/errors.js'
import { BY_HAND } from '../../src/presence/eviction.js'
import { LoginPolicy } from '../../src/presence/login-policy.js'
import { PlatformTable } from '../../src/presence/platforms.js'
import { World } from '../../src/runtime/testkit/world.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Incarnation, StoreEvents, TokenState } from '../../src/store/presence-store.js'
import { VirtualNode } from '../support/virtual-node.js'
import { pass } from '../support/virtual-time.js'
import { readToken, spellToken } from '../support/virtual-tokens.js'
import { APART, SETTINGS } from './virtual-cluster.js'

const ANDROID = 2
const HOUR_S = 3_600

/** Has failures of its own. */
class BalkyStore extends MemoryStore {
  events: StoreEvents | undefined
  refusals = 0

  override open(events: StoreEvents): Promise<Incarnation> {
    this.events = events
    return super.open(events)
  }

  override async tokenState(userId: string, platformId: number, token: string): Promise<TokenState> {
    if (this.refusals === 0) return super.tokenState(userId, platformId, token)
    this.refusals--
    throw new StoreUnavailableError('a made-up error')
  }
}

t.test('who came in unchecked is asked about until the store has an answer', async (t) => {
  const world = new World({ seed: 1 })
  const wallMs = () => Date.UTC(2026, 0) + world.nowMs
  const backend = new MemoryBackend(wallMs)
  let store: BalkyStore | undefined
  const platforms = new PlatformTable()
  const node = new VirtualNode(
    {
      world,
      layout: APART,
      settings: SETTINGS,
      platforms,
      policy: new LoginPolicy(0, platforms),
      seating: undefined,
      createStore: ({ nodeId, processId }) => {
        store = new BalkyStore(backend, { ...SETTINGS, nodeId, processId })
        return store
      },
      verifyToken: (token) => readToken(token, wallMs()),
      wallMs,
    },
    'node',
  )
  await pass(world, 1_000)
  const place = { userId: 'ann', platformId: ANDROID, issuedAtS: 0, jti: '1' }
  const token = spellToken(place, wallMs(), HOUR_S)
  await backend.tokens.set('ann', ANDROID, token, 'normal', HOUR_S)
  const client = node.connect(0, 0, 'ann', ANDROID, token)!
  await pass(world, 1_000)
  t.equal(client.state, 'in')
  // Of this the node does not hear: its connection is just gone.
  await backend.tokens.kick('ann', ANDROID, [token], BY_HAND, HOUR_S).saved
  store!.refusals = 3
  store!.events!.reachable(false, 'a test')
  store!.events!.reachable(true, 'a test')
  await pass(world, 1_000)
  t.equal(client.state, 'in', 'there is no answer yet')
  await pass(world, 5_000)
  t.same([store!.refusals, client.state, client.kicks], [0, 'closed', 1])
})
