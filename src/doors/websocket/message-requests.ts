/** The requests of a socket that the message-reader answers: which operation each is. */
import { RequestId } from '../../openim/requests.js'
import type { OperationName } from '../../services/operations/table.js'

export const READS: ReadonlyMap<number, OperationName> = new Map<number, OperationName>([
  [RequestId.NewestSeq, 'newestSeqs'],
  [RequestId.PullBySeqRange, 'pullRanges'],
  [RequestId.PullBySeqList, 'pullSeqs'],
  [RequestId.ConversationSeqs, 'conversationSeqs'],
  [RequestId.LastMessages, 'lastMessages'],
])
