/** From rows that a commit changes to events of a history. */
import { ContentType } from '../../../src/openim/content-types.js'
import { MsgData } from '../../../src/openim/proto/messages.js'
import { MessageState } from '../../../src/rules/messages/message-state.js'
import type { Row, RowOf, Table } from '../../../src/store/ports/database.js'
import { conversations, messages } from '../../../src/store/schema/tables.js'
import type { MessageEvent, MessageName, Numbered, Place } from '../history.js'

type Committed = Extract<MessageEvent, { kind: 'stored' | 'headed' | 'revoked' }>
/** Without its time. */
type Untimed<E> = E extends Committed ? Omit<E, 'atMs'> : never

/** Undefined = nothing that the rules ask for. */
export function eventOfRow(
  table: Table,
  before: Row | undefined,
  after: Row | undefined,
): Untimed<Committed> | undefined {
  if (after === undefined) return undefined
  if (table === conversations) {
    const { conversationId, maxSeq } = after as RowOf<typeof conversations>
    return { kind: 'headed', conversationId, maxSeq }
  }
  if (table !== messages) return undefined
  const { conversationId, seq, sentMs, state, body } = after as RowOf<typeof messages>
  if (before !== undefined) {
    return state === MessageState.Revoked ? { kind: 'revoked', conversationId, seq } : undefined
  }
  const message = MsgData.decode(body)
  const revokes = placeRevokedBy(message)
  return {
    kind: 'stored',
    conversationId,
    seq,
    sentMs,
    message: nameOf(message),
    ...(revokes === undefined ? {} : { revokes }),
  }
}

function placeRevokedBy({ contentType, content }: MsgData): Place | undefined {
  if (contentType !== ContentType.Revoked) return undefined
  const { conversationID, seq } = JSON.parse(JSON.parse(Buffer.from(content).toString()).detail)
  return { conversationId: conversationID, seq }
}

export function nameOf({ sendID, clientMsgID }: Pick<MsgData, 'sendID' | 'clientMsgID'>): MessageName {
  return `${sendID}:${clientMsgID}`
}

export function numberedOf(message: MsgData): Numbered {
  return { seq: message.seq, message: nameOf(message), sentMs: message.sendTime }
}
