/** A database of messages without a node: what is sent, and what is kept. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { GetSeqMessageReq, GetSeqMessageResp, type MsgData } from '../../src/openim/proto/messages.js'
import { bucketOfConversation, bucketOfUser } from '../../src/rules/messages/bucket.js'
import { outgoingOf } from '../../src/services/messages/outgoing.js'
import { sendAll } from '../../src/services/messages/send.js'
import type { OperationContext } from '../../src/services/operations/operation.js'
import { carryOut, type InputOf, type OperationName } from '../../src/services/operations/table.js'
import { findOne, put, scan } from '../../src/store/ports/steps.js'
import { conversations, messages, records, TABLES, users } from '../../src/store/schema/tables.js'
import { SqliteDatabase } from '../../src/store/sql/sqlite/sqlite-database.js'
import { removeFolder, temporaryFolder } from '../support/leftovers.js'
import type { Teardown } from '../support/node.js'
import { SETTINGS } from '../support/operation-settings.js'
import { textMessage } from './chat.js'

export class StoredChat {
  readonly #folder = temporaryFolder('chat')
  readonly database = SqliteDatabase.open({ path: join(this.#folder, 'messages.db'), readOnly: false })

  constructor(test: Teardown) {
    this.database.create(TABLES)
    test.teardown(async () => {
      await this.database.close()
      removeFolder(this.#folder)
    })
  }

  async register(...userIds: string[]): Promise<void> {
    const rest = { nickname: '', faceUrl: '', ex: '', createdMs: 0, level: 0, recvOpt: 0 }
    const rows = userIds.map((userId) => ({ bucket: bucketOfUser(userId), userId, ...rest }))
    await this.database.write(() => put(users, rows))
  }

  /** Messages of one sender, each at its time of day. */
  async send(from: string, to: string, texts: readonly string[], ...timesMs: number[]): Promise<void> {
    for (const [index, text] of texts.entries()) {
      const message = outgoingOf(textMessage(from, to, text, { clientMsgID: randomUUID() }))
      await this.database.write(() => sendAll([{ message, operationId: '' }], timesMs[index] ?? timesMs[0]!))
    }
  }

  /** Many at once: all in one transaction, a millisecond apart. */
  async sendMany(from: string, to: string, count: number, sinceMs: number): Promise<void> {
    const batch = Array.from({ length: count }, (_, index) => ({
      message: outgoingOf(textMessage(from, to, `${index}`)),
      operationId: '',
    }))
    await this.database.write(() => sendAll(batch, sinceMs))
  }

  head(conversationId: string) {
    return this.database.read(() =>
      findOne(conversations, bucketOfConversation(conversationId), conversationId),
    )
  }

  record(ownerId: string, conversationId: string) {
    return this.database.read(() => findOne(records, bucketOfUser(ownerId), ownerId, conversationId))
  }

  async seqs(conversationId: string): Promise<number[]> {
    const rows = await this.database.read(() =>
      scan(messages, [bucketOfConversation(conversationId), conversationId]),
    )
    return rows.map(({ seq }) => seq)
  }

  /** An operation as a user calls it, with what it has pushed. */
  async call<N extends OperationName>(
    operation: N,
    userId: string,
    input: InputOf<N>,
    nowMs = 0,
    isAdmin = false,
  ) {
    const context: OperationContext = {
      caller: { userId, isAdmin, operationId: 'test' },
      nowMs,
      newId: randomUUID,
      settings: SETTINGS,
      deliveries: [],
      followUps: [],
    }
    const output = await this.database.write(() => carryOut(operation, context, JSON.stringify(input)))
    return { output: JSON.parse(output as string), deliveries: context.deliveries }
  }

  /** 1005, as a client asks for the last thousand numbers of a conversation. */
  async pull(userID: string, conversationID: string): Promise<MsgData[]> {
    const head = await this.head(conversationID)
    const seqs = Array.from({ length: head?.maxSeq ?? 0 }, (_, index) => index + 1).slice(-1_000)
    const input = GetSeqMessageReq.encode({
      userID,
      conversations: [{ conversationID, seqs }],
      order: 0,
    }).finish()
    const context: OperationContext = {
      caller: { userId: userID, isAdmin: false, operationId: 'test' },
      nowMs: 0,
      newId: randomUUID,
      settings: SETTINGS,
      deliveries: [],
      followUps: [],
    }
    const bytes = await this.database.read(() => carryOut('pullSeqs', context, input))
    return GetSeqMessageResp.decode(bytes as Uint8Array).msgs[conversationID]?.Msgs ?? []
  }
}
