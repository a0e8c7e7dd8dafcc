/** What the ports of one Redis store have in common. */
import type { Cluster, Redis } from 'ioredis'
import type { Incarnation } from '../ports/node-registry.js'
import type { StoreEvents } from '../ports/store.js'
import type { DamageLog } from './damage.js'
import type { Keys } from './keys.js'
import type { NodeReceiver, NodeSender } from './node-channel.js'
import type { RedisStoreOptions } from './server/options.js'
import type { Router } from './server/routing.js'

/** What exists from `open` to `close`, and anew for each epoch. */
export interface Session extends Incarnation {
  events: StoreEvents
  sender: NodeSender
  receiver: NodeReceiver
}

export interface StoreContext {
  readonly options: RedisStoreOptions
  readonly client: Redis | Cluster
  readonly keys: Keys
  readonly router: Router
  readonly damage: DamageLog
  /** Undefined = the store is not open. */
  session(): Session | undefined
  /** Throws STORE_UNAVAILABLE when the store is not open. */
  opened(): Session
}
