/** What a client asks at its first sync, and later of a conversation. */
import {
  GetConversationsHasReadAndMaxSeqReq,
  GetMaxSeqReq,
  PullMessageBySeqsReq,
  PullOrder,
} from '../../src/openim/proto/messages.js'
import { RequestId } from '../../src/openim/requests.js'
import { pairOf, singleChatId } from '../../src/rules/messages/conversation-id.js'
import type { UserId } from '../../src/rules/types.js'
import type { OperationName } from '../../src/services/operations/table.js'

/** Conversations of one page of the list. */
export const PAGE = 400
/** How many conversations are shown with their last message. */
export const ACTIVE = 100

export interface Read {
  operation: OperationName
  /** Over the socket by its number, over REST by its path. */
  to: number | string
  /** Protobuf, or the text of JSON. */
  input: Uint8Array | string
}

export type ReadName = keyof ReturnType<typeof readsOf>

/** By what they are for: requests that follow each other. */
export function readsOf(
  userID: UserId,
  other: UserId,
  { conversations, pulled }: { conversations: number; pulled: number },
) {
  const newest = overSocket('newestSeqs', RequestId.NewestSeq, GetMaxSeqReq.encode({ userID }).finish())
  const allSeqs = { userID, conversationIDs: [], returnPinned: true }
  const seqs = overSocket(
    'conversationSeqs',
    RequestId.ConversationSeqs,
    GetConversationsHasReadAndMaxSeqReq.encode(allSeqs).finish(),
  )
  const changes = overRest('incrementalConversations', '/conversation/get_incremental_conversations', {
    userID,
    version: 0,
    versionID: '',
  })
  // The last page is one that is not full.
  const pages = Math.floor(conversations / PAGE) + 1
  const list = Array.from({ length: pages }, (_, n) =>
    overRest('ownerConversations', '/conversation/get_owner_conversation', {
      userID,
      pagination: { pageNumber: n + 1, showNumber: PAGE },
    }),
  )
  const active = overRest('activeConversations', '/jssdk/get_active_conversations', {
    ownerUserID: userID,
    count: ACTIVE,
  })
  const range = { conversationID: singleChatId(pairOf(userID, other)), begin: 1, end: pulled, num: pulled }
  const pull = overSocket(
    'pullRanges',
    RequestId.PullBySeqRange,
    PullMessageBySeqsReq.encode({ userID, seqRanges: [range], order: PullOrder.PullOrderAsc }).finish(),
  )
  return {
    sync: [newest, seqs, changes, ...list, active],
    newest: [newest],
    seqs: [seqs],
    changes: [changes],
    list,
    active: [active],
    pull: [pull],
  }
}

function overSocket(operation: OperationName, to: number, input: Uint8Array): Read {
  return { operation, to, input }
}

function overRest(operation: OperationName, to: string, body: object): Read {
  return { operation, to, input: JSON.stringify(body) }
}
