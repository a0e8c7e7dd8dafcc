/** OpenIM's names of conversations. Two pairs can spell the same name: `a_b` and `c`, `a` and `b_c`. */
import type { Meaning, UserId } from '../types.js'

/**
 * `si_<a>_<b>` single chat, `sn_<a>_<b>` from a notification account, `sg_<group>` a group; `n_<a>_<b>` and `n_<group>` the
 * notifications of these. User IDs are in the order of their bytes.
 */
export type ConversationId = Meaning<'ConversationId'>

/** OpenIM's numbers of what a message belongs to. */
export const SessionType = { Single: 1, Group: 3, Notification: 4 } as const
export type SessionType = (typeof SessionType)[keyof typeof SessionType]

/** Whom a conversation is between: two users in order, or a group and ''. */
export interface Parties {
  a: string
  b: string
}

export function pairOf(one: UserId, other: UserId): Parties {
  return Buffer.compare(Buffer.from(one), Buffer.from(other)) <= 0
    ? { a: one, b: other }
    : { a: other, b: one }
}

export function singleChatId({ a, b }: Parties): ConversationId {
  return `si_${a}_${b}`
}

export function accountChatId({ a, b }: Parties): ConversationId {
  return `sn_${a}_${b}`
}

export function groupChatId(groupId: string): ConversationId {
  return `sg_${groupId}`
}

/** The parties of a group's conversation. */
export function partiesOfGroup(groupId: string): Parties {
  return { a: groupId, b: '' }
}

/** The conversation where the notifications of this one go. */
export function notificationsOf(conversationId: ConversationId): ConversationId {
  return `n_${conversationId.slice(conversationId.indexOf('_') + 1)}`
}

/** Where a user's notifications to themselves go. */
export function ownNotifications(userId: UserId): ConversationId {
  return `n_${userId}_${userId}`
}

export function isNotifications(conversationId: ConversationId): boolean {
  return conversationId.startsWith('n_')
}

export function isGroupChat(conversationId: ConversationId): boolean {
  return conversationId.startsWith('sg_')
}

export function isSingleChat(conversationId: ConversationId): boolean {
  return conversationId.startsWith('si_')
}
