/** The reads of a socket, each with a request that is right. */
import {
  GetConversationsHasReadAndMaxSeqReq,
  GetLastMessageReq,
  GetMaxSeqReq,
  GetSeqMessageReq,
  PullMessageBySeqsReq,
} from '../../src/openim/proto/messages.js'
import { knownRequests, RequestId } from '../../src/openim/requests.js'

/** Requests of messages; the others are about the connection itself. */
export const MESSAGE_REQUESTS = [...knownRequests].filter((id) => id <= RequestId.LastMessages)

/** A user asks for conversations, which may not be theirs. By the number of the request. */
export const SOCKET_READS: Readonly<Record<number, (userID: string, ids: string[]) => Uint8Array>> = {
  [RequestId.NewestSeq]: (userID) => GetMaxSeqReq.encode({ userID }).finish(),
  [RequestId.PullBySeqRange]: (userID, ids) =>
    PullMessageBySeqsReq.encode({
      userID,
      seqRanges: ids.map((conversationID) => ({ conversationID, begin: 1, end: 100, num: 100 })),
      order: 0,
    }).finish(),
  [RequestId.PullBySeqList]: (userID, ids) =>
    GetSeqMessageReq.encode({
      userID,
      conversations: ids.map((conversationID) => ({ conversationID, seqs: [1, 2, 3] })),
      order: 0,
    }).finish(),
  [RequestId.ConversationSeqs]: (userID, conversationIDs) =>
    GetConversationsHasReadAndMaxSeqReq.encode({ userID, conversationIDs, returnPinned: true }).finish(),
  [RequestId.LastMessages]: (userID, conversationIDs) =>
    GetLastMessageReq.encode({ userID, conversationIDs }).finish(),
}
