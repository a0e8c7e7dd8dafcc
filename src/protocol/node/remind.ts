import type { Holder, UserId } from '../../rules/types.js'
import { LIST_MAX } from './bounds.js'
import { holder, userId } from './fields.js'
import { noteKind } from './note-kind.js'
import { list, means, record } from './shapes.js'

/** The store lacks what the receiver held of these users: assert them again, and answer with `holding`. */
export interface Remind {
  kind: 'remind'
  /** Where the answer goes. */
  from: Holder
  /** At most BATCH_SIZE. */
  userIds: UserId[]
}

export const remind = noteKind<Remind>({
  says: 'The store lacks what you held of these users: assert them again, and say what you hold.',
  way: 'shard that watches the users → shards of the same users on the node that held them',
  since: 1,
  isIdempotent: true,
  ifLost: 'the sender asks the store again and, while the record is still partial, sends it again',
  shape: record({
    from: means(holder, 'where the answer goes'),
    userIds: list(userId, LIST_MAX),
  }),
})
