/** What the message-reader hears: operations that only read the database. */
import type { MembersSince, OwnGroup } from '../rules/messages/audiences.js'
import type { ConversationId } from '../rules/messages/conversation-id.js'
import type { Delivery } from '../rules/messages/types.js'
import type { UserId } from '../rules/types.js'
import type { Question } from '../runtime/index.js'
import type { Call } from './operations.js'

/** Messages that did not come, by their numbers, both ends inclusive. deliveries (io) → message-reader. */
export interface ReadMissed extends Question<Delivery[]> {
  kind: 'readMissed'
  conversationId: ConversationId
  from: number
  to: number
}

/** The groups of a user who logs in. connection (io) → message-reader. */
export interface ReadGroups extends Question<OwnGroup[]> {
  kind: 'readGroups'
  userId: UserId
}

/** Who has come into a group or left it since a version. deliveries (io) → message-reader. */
export interface ReadMembers extends Question<MembersSince> {
  kind: 'readMembers'
  groupId: string
  since: number
}

/** The log of the embedded database has grown. writer role → message-reader. */
export interface LogGrown {
  kind: 'logGrown'
}

export type Command = Call | ReadMissed | ReadGroups | ReadMembers | LogGrown
