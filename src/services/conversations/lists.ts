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
import { type Incremental, idsOrEqual, incremental } from '../people/known-list.js'
import { List } from '../people/version-log.js'
import { markedByGroups, shown } from './marks.js'
import { findRecords, RecvOpt, recordsOf } from './records.js'

/** Conversations of one page. */
const PAGE_MAX = 1_000

export const incrementalConversations = operation(
  'reader',
  function* (
    { caller },
    { userID, version, versionID }: GetIncrementalConversationReq,
  ): Operation<Incremental<Conversation>> {
    assertSelf(caller, userID)
    const { answer } = yield* incremental(
      List.Conversations,
      userID,
      { version, versionID },
      function* (ids) {
        return yield* shown(yield* findRecords(userID, ids))
      },
    )
    if (answer.full) return answer
    const known = new Set([...answer.insert!, ...answer.update!].map(({ conversationID }) => conversationID))
    const marked = (yield* markedByGroups(userID)).filter(({ conversationId }) => !known.has(conversationId))
    return { ...answer, update: [...answer.update!, ...(yield* shown(marked))] }
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
    return { total, conversations: yield* shown(page) }
  },
)

export const allConversations = operation(
  'reader',
  function* (
    { caller },
    { ownerUserID }: GetAllConversationsReq,
  ): Operation<{ conversations: Conversation[] }> {
    assertSelf(caller, ownerUserID)
    return { conversations: yield* shown(yield* recordsOf(ownerUserID)) }
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
    return { conversations: yield* shown(yield* findRecords(ownerUserID, conversationIDs)) }
  },
)

export const conversationIds = operation(
  'reader',
  function* (
    { caller },
    { userID, idHash }: GetFullOwnerConversationIDsReq,
  ): Operation<{ version: number; versionID: string; equal: boolean; conversationIDs: string[] | null }> {
    assertSelf(caller, userID)
    const own = (yield* recordsOf(userID)).map(({ conversationId }) => conversationId)
    const { ids, ...answer } = yield* idsOrEqual(List.Conversations, userID, own, idHash)
    return { ...answer, conversationIDs: ids }
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
