/** A node that serves messages, and people who chat through the small client. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { ContentType, MessageFrom, MessageStatus } from '../../src/openim/content-types.js'
import { newMessage } from '../../src/openim/message-bytes.js'
import { Platform } from '../../src/openim/platforms.js'
import {
  GetMaxSeqReq,
  GetMaxSeqResp,
  GetSeqMessageReq,
  GetSeqMessageResp,
  type MsgData,
  PullMessageBySeqsReq,
  PullMessageBySeqsResp,
  PullOrder,
  type SeqRange,
} from '../../src/openim/proto/messages.js'
import { RequestId } from '../../src/openim/requests.js'
import type { MessageReceived, OpenimClient } from '../../src/sdk/openim-client.js'
import { TIMEOUT_MS } from '../support/eventually.js'
import { type Teardown, TestNode } from '../support/node.js'

/** Whoever has a token is a user. */
export function messageNode(test: Teardown, env: Record<string, string> = {}): Promise<TestNode> {
  return TestNode.start(test, { MESSAGES: 'auto', USERS: 'open', ...env })
}

/** As the SDKs send it. */
export function textMessage(from: string, to: string, text: string, fields: Partial<MsgData> = {}): MsgData {
  return newMessage({
    sendID: from,
    recvID: to,
    clientMsgID: randomUUID(),
    senderPlatformID: Platform.Web,
    sessionType: 1,
    msgFrom: MessageFrom.User,
    contentType: ContentType.Text,
    content: Buffer.from(JSON.stringify({ content: text })),
    createTime: Date.now(),
    status: MessageStatus.Sending,
    ...fields,
  })
}

export function textOf({ content }: MsgData): string {
  return (JSON.parse(Buffer.from(content).toString()) as { content: string }).content
}

/** The texts of a conversation that were pushed to a client, in the order in which they came. */
export function textsPushed({ messages }: OpenimClient, conversationId: string): string[] {
  return messages
    .filter((received) => received.conversationId === conversationId)
    .map(({ message }) => textOf(message))
}

/** 1001 */
export async function newestSeqs(client: OpenimClient, userID: string): Promise<Record<string, number>> {
  const data = await client.successful(RequestId.NewestSeq, GetMaxSeqReq.encode({ userID }).finish())
  return GetMaxSeqResp.decode(data!).maxSeqs
}

/** 1002 */
export async function pullRange(client: OpenimClient, userID: string, range: SeqRange): Promise<MsgData[]> {
  const request = { userID, seqRanges: [range], order: PullOrder.PullOrderAsc }
  const data = await client.successful(
    RequestId.PullBySeqRange,
    PullMessageBySeqsReq.encode(request).finish(),
  )
  const { msgs, notificationMsgs } = PullMessageBySeqsResp.decode(data!)
  return { ...msgs, ...notificationMsgs }[range.conversationID]?.Msgs ?? []
}

/** 1005 */
export async function pullSeqs(client: OpenimClient, userID: string, conversationID: string, seqs: number[]) {
  const request = { userID, conversations: [{ conversationID, seqs }], order: PullOrder.PullOrderAsc }
  const data = await client.successful(RequestId.PullBySeqList, GetSeqMessageReq.encode(request).finish())
  const { msgs, notificationMsgs } = GetSeqMessageResp.decode(data!)
  return { ...msgs, ...notificationMsgs }[conversationID]
}

/** Resolves when so many messages were pushed to the client. */
export async function heard(client: OpenimClient, count: number): Promise<MessageReceived[]> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS)
  while (client.messages.length < count) await once(client, 'message', { signal: deadline })
  return client.messages
}
