import type { Holder, UserPlatforms } from '../../rules/types.js'
import { LIST_MAX } from './bounds.js'
import { holder, platformIds, userId } from './fields.js'
import { noteKind } from './note-kind.js'
import { list, means, record } from './shapes.js'

/** What the sender holds of some users: the answer to `remind`. */
export interface Holding {
  kind: 'holding'
  from: Holder
  users: UserPlatforms[]
}

const held = record<UserPlatforms>({
  userId,
  platformIds: means(platformIds, 'where the user is; empty = nowhere on this node'),
})

export const holding = noteKind<Holding>({
  says: 'This is what I hold of these users.',
  way: 'shard that got `remind` → shards of the same users on the node that sent it',
  since: 1,
  isIdempotent: true,
  ifLost: 'the change that follows from asserting the users again says the same',
  shape: record({
    from: means(holder, 'the node that holds them'),
    users: list(held, LIST_MAX),
  }),
})
