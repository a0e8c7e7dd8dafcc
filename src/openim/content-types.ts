/** OpenIM's kinds of messages, and what the options of a message say. */

export const ContentType = {
  Text: 101,
  AtText: 106,
  Revoke: 111,
  Typing: 113,
  Quote: 114,
  AdvancedText: 117,
  Markdown: 118,
  /** A message of a notification account; exactly those have session type 4. */
  AccountNotification: 1400,
  FriendRequestAccepted: 1201,
  FriendRequestRefused: 1202,
  FriendRequested: 1203,
  FriendDeleted: 1205,
  FriendRemarkSet: 1206,
  BlackAdded: 1207,
  BlackRemoved: 1208,
  FriendProfileChanged: 1209,
  FriendsChanged: 1210,
  ConversationChanged: 1300,
  GroupCreated: 1501,
  GroupChanged: 1502,
  GroupRequested: 1503,
  MemberQuit: 1504,
  GroupRequestAccepted: 1505,
  GroupRequestRefused: 1506,
  OwnerChanged: 1507,
  MembersKicked: 1508,
  MembersInvited: 1509,
  MemberEntered: 1510,
  GroupDismissed: 1511,
  MemberMuted: 1512,
  MemberUnmuted: 1513,
  GroupMuted: 1514,
  GroupUnmuted: 1515,
  MemberChanged: 1516,
  MemberMadeAdmin: 1517,
  MemberMadeOrdinary: 1518,
  GroupAnnounced: 1519,
  GroupRenamed: 1520,
  ProfileChanged: 1303,
  PrivateChat: 1701,
  ConversationCleared: 1703,
  Business: 2001,
  Revoked: 2101,
  Deleted: 2102,
  ReadReceipt: 2200,
} as const

/** Notifications, which the server makes. */
const SYSTEM_FIRST = 1_000
const SYSTEM_LAST = 5_000

export function isSystemContent(contentType: number): boolean {
  return contentType >= SYSTEM_FIRST && contentType <= SYSTEM_LAST
}

/** OpenIM's status of a message. */
export const MessageStatus = { Sending: 1, Sent: 2, Failed: 3, Deleted: 4 } as const

/** Where a message came from: a client, or the server. */
export const MessageFrom = { User: 100, System: 200 } as const

/** Keys of a message's options that this server reads or sets. A missing key, or no options at all, means true. */
export type OptionKey =
  | 'isNotNotification'
  | 'isSendMsg'
  | 'history'
  | 'persistent'
  | 'offlinePush'
  | 'senderSync'
  | 'unreadCount'
  | 'conversationUpdate'
  | 'senderConversationUpdate'

export type Options = Partial<Record<OptionKey, boolean>>

export function isOn(options: Readonly<Record<string, boolean>>, key: OptionKey): boolean {
  return options[key] !== false
}

const NO_NEWS = ['unreadCount', 'offlinePush'] as const
const NO_CONVERSATION = ['conversationUpdate', 'senderConversationUpdate', ...NO_NEWS] as const

/** Options that a kind of message has off, whatever its sender says. */
const FORCED_OFF: ReadonlyMap<number, readonly OptionKey[]> = new Map<number, readonly OptionKey[]>([
  [ContentType.Typing, ['history', 'persistent', 'senderSync', ...NO_CONVERSATION]],
  [ContentType.ReadReceipt, NO_CONVERSATION],
  [ContentType.Revoke, NO_NEWS],
])

export function forcedOptions(contentType: number): Options {
  return Object.fromEntries((FORCED_OFF.get(contentType) ?? []).map((key) => [key, false]))
}
