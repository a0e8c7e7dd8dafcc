import type { Eviction } from '../../rules/logins/eviction.js'
import type { Holder } from '../../rules/types.js'
import { connectionId, digest, holder, platformIds, userId } from './fields.js'
import { noteKind } from './note-kind.js'
import { means, number, optional, record } from './shapes.js'

/** An order to end logins. Answered by `evicted`, also when there was nobody to evict. */
export interface Evict {
  kind: 'evict'
  /** Chosen by the sender; the answer bears it. */
  id: number
  /** Where the answer goes. */
  from: Holder
  eviction: Eviction
}

const eviction = record<Eviction>({
  userId,
  before: means(number(), 'only logins with a smaller number obey; 0 = none by its number'),
  platformIds: means(optional(platformIds), 'only logins on these platforms; absent = on all'),
  connectionId: means(optional(connectionId), 'only this connection'),
  token: means(optional(digest), 'only logins made with this token'),
  spares: means(optional(digest), 'all but the logins made with this token'),
  newcomer: means(optional(digest), 'connections made with this token are probed, not kicked'),
  probes: means(optional(digest), 'no order: only probe the connections made with this token'),
})

export const evict = noteKind<Evict>({
  says: 'End logins of one user.',
  way: 'shard with a new login or a kick → shard of the same user on a node with a claim',
  since: 1,
  isIdempotent: true,
  ifLost: 'it is sent again until `evicted` comes or the receiver is dead',
  shape: record({
    id: means(number(), 'chosen by the sender; the answer bears it'),
    from: means(holder, 'where the answer goes'),
    eviction,
  }),
})
