/** A user's list of conversations: as a whole, in pages, and what changed since a version. */
import type {
  Conversation,
  GetAllConversationsReq,
  GetConversationsReq,
  GetFullOwnerConversationIDsReq,
  GetIncrementalConversationReq,
  GetOwnerConversationReq,
} from '../../openim/proto/conversations.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { count } from '../../store/ports/steps.js'
import { records } from '../../store/schema/tables.js'
import { assertLength, assertSelf, CONVERSATIONS_MAX, operation, sliceOf } from '../operations/operation.js'
import { idHashOf } from '../people/id-hash.js'
import { changesSince, headOf, List } from '../people/version-log.js'
import { findRecords, RecvOpt, recordsOf, toWire } from './records.js'

/** Conversations of one page. */
const PAGE_MAX = 1_000

interface Incremental {
  version: number
  versionID: string
  full: boolean
  delete: string[] | null
  insert: Conversation[] | null
  update: Conversation[] | null
}

export const incrementalConversations = operation(
  'reader',
  function* (
    { caller },
    { userID, version, versionID }: GetIncrementalConversationReq,
  ): Operation<Incremental> {
    assertSelf(caller, userID)
    const changes = yield* changesSince(List.Conversations, userID, { version, versionId: versionID })
    const head = { version: changes.version, versionID: changes.versionId }
    if (changes.isFull) return { ...head, full: true, delete: null, insert: null, update: null }
    return {
      ...head,
      full: false,
      delete: changes.deleted,
      insert: (yield* findRecords(userID, changes.inserted)).map(toWire),
      update: (yield* findRecords(userID, changes.updated)).map(toWire),
    }
  },
)

/** Clients stop at the first page that is shorter than they asked. */
export const ownerConversations = operation(
  'reader',
  function* (
    { caller },
    { userID, pagination }: GetOwnerConversationReq,
  ): Operation<{ total: number; conversations: Conversation[] }> {
    assertSelf(caller, userID)
    const { offset, limit } = sliceOf(pagination ?? { pageNumber: 1, showNumber: 0 }, PAGE_MAX)
    const total = yield* count(records, [bucketOfUser(userID), userID])
    if (limit <= 0 || offset >= total) return { total, conversations: [] }
    const page = yield* recordsOf(userID, { offset, limit })
    return { total, conversations: page.map(toWire) }
  },
)

export const allConversations = operation(
  'reader',
  function* (
    { caller },
    { ownerUserID }: GetAllConversationsReq,
  ): Operation<{ conversations: Conversation[] }> {
    assertSelf(caller, ownerUserID)
    return { conversations: (yield* recordsOf(ownerUserID)).map(toWire) }
  },
)

/** Those of these that the user has. */
export const conversationsById = operation(
  'reader',
  function* (
    { caller },
    { ownerUserID, conversationIDs }: GetConversationsReq,
  ): Operation<{ conversations: Conversation[] }> {
    assertSelf(caller, ownerUserID)
    assertLength('conversationIDs', conversationIDs.length, CONVERSATIONS_MAX)
    return { conversations: (yield* findRecords(ownerUserID, conversationIDs)).map(toWire) }
  },
)

export const conversationIds = operation(
  'reader',
  function* (
    { caller },
    { userID, idHash }: GetFullOwnerConversationIDsReq,
  ): Operation<{ version: number; versionID: string; equal: boolean; conversationIDs: string[] | null }> {
    assertSelf(caller, userID)
    const ids = (yield* recordsOf(userID)).map(({ conversationId }) => conversationId)
    const { version, versionId } = yield* headOf(List.Conversations, userID)
    // As JSON has it: the hash has more bits than a number keeps.
    const equal = Number(idHashOf(ids)) === idHash
    return { version, versionID: versionId, equal, conversationIDs: equal ? null : ids }
  },
)

/** Conversations whose messages are not pushed to a user who is away. */
export const notNotifyConversationIds = operation(
  'reader',
  function* ({ caller }, { userID }: { userID: UserId }): Operation<{ conversationIDs: string[] }> {
    assertSelf(caller, userID)
    const quiet = (yield* recordsOf(userID)).filter(({ recvOpt }) => recvOpt === RecvOpt.NoPush)
    return { conversationIDs: quiet.map(({ conversationId }) => conversationId) }
  },
)
