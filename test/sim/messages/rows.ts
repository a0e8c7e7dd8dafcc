/** From rows that a commit changes to events of a history. */
import { MsgData } from '../../../src/openim/proto/messages.js'
import type { Row, Table } from '../../../src/store/ports/database.js'
import { conversations, messages } from '../../../src/store/schema/tables.js'
import type { MessageEvent, MessageName, Numbered } from '../history.js'

type Stored = Extract<MessageEvent, { kind: 'stored' | 'headed' }>
/** Without its time. */
type Untimed<E> = E extends Stored ? Omit<E, 'atMs'> : never

/** Undefined = nothing that the rules ask for. */
export function eventOfRow(
  table: Table,
  _before: Row | undefined,
  after: Row | undefined,
): Untimed<Stored> | undefined {
  if (after === undefined) return undefined
  if (table === conversations) {
    const { conversationId, maxSeq } = after as { conversationId: string; maxSeq: number }
    return { kind: 'headed', conversationId, maxSeq }
  }
  if (table !== messages) return undefined
  const { conversationId, seq, sentMs, body } = after as {
    conversationId: string
    seq: number
    sentMs: number
    body: Uint8Array
  }
  return { kind: 'stored', conversationId, seq, sentMs, message: nameOf(MsgData.decode(body)) }
}

export function nameOf({ sendID, clientMsgID }: Pick<MsgData, 'sendID' | 'clientMsgID'>): MessageName {
  return `${sendID}:${clientMsgID}`
}

export function numberedOf(message: MsgData): Numbered {
  return { seq: message.seq, message: nameOf(message), sentMs: message.sendTime }
}
