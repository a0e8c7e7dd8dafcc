import type { Audience, AudienceChange, Delivery } from '../../rules/messages/types.js'
import type { Parcel } from '../../rules/messages/ways.js'
import type { Holder } from '../../rules/types.js'
import { LIST_MAX } from './bounds.js'
import { holder, userId } from './fields.js'
import { noteKind } from './note-kind.js'
import { bytes, list, means, number, optional, record, text } from './shapes.js'

/** Messages that are on disk, for users of the receiver. Confirmed by `delivered`. */
export interface Deliver extends Omit<Parcel, 'to'> {
  kind: 'deliver'
  /** Where the confirmation goes. */
  from: Holder
}

const groupId = text(255)

const audience = record<Audience>({
  groupId,
  epoch: means(
    number(),
    'the version of the list of members since which nobody has come or left; 0 = not known',
  ),
  change: optional(
    record<AudienceChange>({
      since: means(number(), 'the epoch before'),
      entered: list(userId, LIST_MAX),
      left: list(userId, LIST_MAX),
    }),
  ),
})

const delivery = record<Delivery>({
  conversationId: text(300),
  seq: means(number(), 'its number in the conversation; 0 = it is not kept'),
  sentMs: number(),
  previousMs: means(number(), 'when the message before it was sent'),
  body: means(bytes(8 * 1024 * 1024), "OpenIM's MsgData"),
  senderId: userId,
  userIds: means(list(userId, LIST_MAX), 'whose devices get it; the members of its group come on top'),
  audience: means(optional(audience), 'of a message to a group'),
  operationId: means(text(65_536), 'of the request that caused it'),
})

export const deliver = noteKind<Deliver>({
  says: 'Push these messages to the devices that the receiver has of these users.',
  way: 'message-sync of a node that stored them → io threads of a node with claims of their receivers',
  since: 1,
  isIdempotent: true,
  ifLost: 'the sender repeats it after 1, 2 and 4 s, until `delivered` comes',
  shape: record({
    id: means(number(), 'chosen by the sender; the confirmation bears it'),
    from: means(holder, 'where the confirmation goes'),
    deliveries: list(delivery, LIST_MAX),
  }),
})
