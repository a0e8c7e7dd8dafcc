/**
 * What the database holds. A row's `bucket` comes first in every key: rows that change together share it, so that a
 * database may be split by it one day. See `rules/messages/bucket.ts`.
 */
import { bytes, defineTable, id, int, nullable, text } from '../ports/steps.js'

/** Who is registered. Bucket of the user. */
export const users = defineTable(
  'users',
  {
    bucket: int,
    userId: id,
    nickname: text,
    faceUrl: text,
    ex: text,
    createdMs: int,
    level: int,
    recvOpt: int,
  },
  ['bucket', 'userId'],
)

/** Accounts that notify users and are none themselves: their profiles are among the users. Bucket 0, as of the outbox. */
export const notificationAccounts = defineTable('notificationAccounts', { bucket: int, userId: id }, [
  'bucket',
  'userId',
])

/** What clients note for a user, for whatever they like. Bucket of the user. */
export const userCommands = defineTable(
  'userCommands',
  { bucket: int, userId: id, type: int, uuid: id, createdMs: int, value: text, ex: text },
  ['bucket', 'userId', 'type', 'uuid'],
)

/** Whose messages a user does not want. Bucket of the owner. */
export const blacks = defineTable(
  'blacks',
  { bucket: int, ownerId: id, userId: id, createdMs: int, ex: nullable(text) },
  ['bucket', 'ownerId', 'userId'],
  { byTime: { columns: ['bucket', 'ownerId', 'createdMs'], isUnique: false } },
)

/** Friends: a row for each direction. `rank`: 0 = pinned, 1 = not; lists are in the order of `byPlace`. Bucket of the owner. */
export const friends = defineTable(
  'friends',
  {
    bucket: int,
    ownerId: id,
    userId: id,
    rank: int,
    createdMs: int,
    addSource: int,
    operatorId: id,
    remark: text,
    ex: text,
  },
  ['bucket', 'ownerId', 'userId'],
  { byPlace: { columns: ['bucket', 'ownerId', 'rank', 'createdMs'], isUnique: false } },
)

/**
 * Who wants to be whose friend, as each of the two has it: `side` 0 = the owner was asked, 1 = the owner has asked.
 * `result`: see `people/wire.ts`. Bucket of the owner.
 */
export const friendRequests = defineTable(
  'friendRequests',
  {
    bucket: int,
    ownerId: id,
    side: int,
    otherId: id,
    result: int,
    createdMs: int,
    handlerId: id,
    handledMs: int,
    reqMsg: text,
    handleMsg: text,
    ex: text,
  },
  ['bucket', 'ownerId', 'side', 'otherId'],
  { byTime: { columns: ['bucket', 'ownerId', 'side', 'createdMs'], isUnique: false } },
)

/**
 * The head of each conversation: its numbers, and whom it is between, because two pairs can spell the same ID. `a`, `b`:
 * the two users in order; of a group the group's ID and ''. `aSeq`, `bSeq`: the last number that each of them sent, for who
 * sends has read what came before. Bucket of the conversation.
 */
export const conversations = defineTable(
  'conversations',
  {
    bucket: int,
    conversationId: id,
    a: id,
    b: id,
    aSeq: int,
    bSeq: int,
    maxSeq: int,
    minSeq: int,
    lastMs: int,
    rightsEpoch: int,
  },
  ['bucket', 'conversationId'],
)

/**
 * Messages. `body` is the protobuf message as clients get it. `digest` is of sender and clientMsgID: a message that comes
 * twice is stored once. `state`: see `rules/messages/message-state.ts`; `revoke` says by whom, as JSON. Bucket of the
 * conversation.
 */
export const messages = defineTable(
  'messages',
  {
    bucket: int,
    conversationId: id,
    seq: int,
    digest: bytes,
    senderId: id,
    sentMs: int,
    contentType: int,
    state: int,
    body: bytes,
    revoke: nullable(text),
  },
  ['bucket', 'conversationId', 'seq'],
  { byDigest: { columns: ['bucket', 'conversationId', 'digest'], isUnique: true } },
)

/**
 * Groups. `status`, `needVerification`, `lookMembers`, `addFriends`: OpenIM's numbers, see `groups/values.ts`.
 * `atAllSeq`, `noticeSeq`: the last message that named all members, and the last announcement, by their place in the
 * conversation: what concerns all is noted once. Bucket of the group, as its conversation.
 */
export const groups = defineTable(
  'groups',
  {
    bucket: int,
    groupId: id,
    ownerId: id,
    creatorId: id,
    status: int,
    needVerification: int,
    lookMembers: int,
    addFriends: int,
    memberCount: int,
    createdMs: int,
    notifiedMs: int,
    notifierId: id,
    atAllSeq: int,
    atAllBy: id,
    noticeSeq: int,
    name: text,
    notification: text,
    introduction: text,
    faceUrl: text,
    ex: text,
  },
  ['bucket', 'groupId'],
)

/** Who is in a group. `rank`: 0 = owner, 1 = administrator, 2 = member; lists are in the order of `byPlace`. Bucket of the group. */
export const members = defineTable(
  'members',
  {
    bucket: int,
    groupId: id,
    userId: id,
    rank: int,
    joinedMs: int,
    muteEndMs: int,
    joinSource: int,
    inviterId: id,
    operatorId: id,
    nickname: text,
    faceUrl: text,
    ex: text,
  },
  ['bucket', 'groupId', 'userId'],
  { byPlace: { columns: ['bucket', 'groupId', 'rank', 'joinedMs'], isUnique: false } },
)

/** In which groups a user is. Bucket of the user. */
export const memberships = defineTable('memberships', { bucket: int, userId: id, groupId: id }, [
  'bucket',
  'userId',
  'groupId',
])

/** Who wants to come into a group. `result`: see `people/wire.ts`. Bucket of the group. */
export const groupRequests = defineTable(
  'groupRequests',
  {
    bucket: int,
    groupId: id,
    userId: id,
    result: int,
    createdMs: int,
    handledMs: int,
    handlerId: id,
    joinSource: int,
    inviterId: id,
    reqMsg: text,
    handleMsg: text,
    ex: text,
  },
  ['bucket', 'groupId', 'userId'],
  { byTime: { columns: ['bucket', 'groupId', 'createdMs'], isUnique: false } },
)

/** Which groups a user wants to come into. Bucket of the user. */
export const ownGroupRequests = defineTable(
  'ownGroupRequests',
  { bucket: int, userId: id, groupId: id, createdMs: int },
  ['bucket', 'userId', 'groupId'],
  { byTime: { columns: ['bucket', 'userId', 'createdMs'], isUnique: false } },
)

/** Messages that one user has deleted for themselves. Bucket of the conversation. */
export const deletions = defineTable('deletions', { bucket: int, conversationId: id, userId: id, seq: int }, [
  'bucket',
  'conversationId',
  'userId',
  'seq',
])

/**
 * A conversation as one user has it: their settings, and what they have read. `minSeq`, `maxSeq`: what they may read of it,
 * 0 = all. `atClearedSeq`: marks of the group up to there are gone. Bucket of the owner.
 */
export const records = defineTable(
  'records',
  {
    bucket: int,
    ownerId: id,
    conversationId: id,
    type: int,
    userId: id,
    groupId: id,
    recvOpt: int,
    isPinned: int,
    isPrivate: int,
    burnDuration: int,
    atType: int,
    attachedInfo: text,
    ex: text,
    isDestruct: int,
    destructTime: int,
    latestDestructTime: int,
    minSeq: int,
    maxSeq: int,
    readSeq: int,
    atClearedSeq: int,
  },
  ['bucket', 'ownerId', 'conversationId'],
)

/** Conversations of which their owner lets messages vanish after a time. Bucket of the owner. */
export const destructs = defineTable('destructs', { bucket: int, ownerId: id, conversationId: id }, [
  'bucket',
  'ownerId',
  'conversationId',
])

/** The head of each versioned list. `list`: see `people/version-log.ts`. Bucket of the owner. */
export const versions = defineTable(
  'versions',
  { bucket: int, ownerId: id, list: int, versionId: id, version: int },
  ['bucket', 'ownerId', 'list'],
)

/** The last change of each element of a versioned list. Bucket of the owner. */
export const versionLog = defineTable(
  'versionLog',
  { bucket: int, ownerId: id, list: int, elementId: id, state: int, version: int },
  ['bucket', 'ownerId', 'list', 'elementId'],
  { byVersion: { columns: ['bucket', 'ownerId', 'list', 'version'], isUnique: false } },
)

/**
 * Commits, and what other nodes have still to be told of them: `ranges` says which messages, as JSON. `createdMs` tells the
 * attempts at a commit apart. `takenMs`: when a node began to tell it; an old row is taken by another node.
 */
export const outbox = defineTable(
  'outbox',
  { bucket: int, orderId: id, takenMs: int, createdMs: int, ranges: text },
  ['bucket', 'orderId'],
  { byAge: { columns: ['bucket', 'takenMs'], isUnique: false } },
)

/** Work that goes through whole tables now and then; `dueMs`: no node begins it before. */
export const jobs = defineTable('jobs', { bucket: int, job: id, dueMs: int }, ['bucket', 'job'])

/**
 * What follows from a change and is too much for its transaction, done in slices: `kind` says what, `after` how far it has
 * come. `takenMs`: when a node began its last slice; an old row is taken by another node. Bucket 0, as of the outbox.
 */
export const followUps = defineTable(
  'followUps',
  { bucket: int, jobId: id, kind: int, subject: id, after: id, takenMs: int },
  ['bucket', 'jobId'],
  { byAge: { columns: ['bucket', 'takenMs'], isUnique: false } },
)

export const TABLES = [
  users,
  notificationAccounts,
  userCommands,
  blacks,
  friends,
  friendRequests,
  conversations,
  messages,
  deletions,
  records,
  destructs,
  versions,
  versionLog,
  outbox,
  jobs,
  followUps,
  groups,
  members,
  memberships,
  groupRequests,
  ownGroupRequests,
] as const
