/**
 * Searching messages, for administrators: by who sent them, to whom, of which kind, on which day.
 *
 * Nothing is indexed for it, and the reader's thread answers everybody, so a search looks at a bounded number of rows and
 * says whether there may be more: whoever names a user, or both, looks at their conversations alone.
 */
import { MsgData } from '../../openim/proto/messages.js'
import {
  accountChatId,
  type ConversationId,
  isNotifications,
  pairOf,
  SessionType,
  singleChatId,
} from '../../rules/messages/conversation-id.js'
import { MessageState } from '../../rules/messages/message-state.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { scan } from '../../store/ports/steps.js'
import { conversations, messages } from '../../store/schema/tables.js'
import { recordsOf } from '../conversations/records.js'
import { firstSince } from '../housekeeping/first-since.js'
import { assertAdmin, operation, sliceOf } from '../operations/operation.js'
import { findUsers } from '../people/users.js'
import { type Head, headsOf, type StoredMessage } from './stored.js'

/** Of one page. */
const PAGE_MAX = 100
/** Conversations that one search looks at. */
const CONVERSATIONS_MAX = 1_000
/** Messages that one search looks at, and their bytes. */
const ROWS_MAX = 2_000
const BYTES_MAX = 8 * 1024 * 1024
/** Messages that are read together. */
const CHUNK = 100
/** As many rows as the search for a day in a conversation reads. */
const DAY_ROWS = 20
const DAY_MS = 86_400_000

/** What is not given is '' or 0, and then does not matter. */
interface Search {
  sendID: UserId
  recvID: UserId
  contentType: number
  /** A day in UTC, as YYYY-MM-DD. */
  sendTime: string
  sessionType: number
  pagination: { pageNumber: number; showNumber: number }
}

interface Found {
  chatLogs: { chatLog: object; isRevoked: boolean }[]
  /** Of all pages; at least so many, where the search was cut. */
  chatLogsNum: number
  /** There may be more: the search has looked at as much as it may. */
  isCut: boolean
}

/** By conversation, and in each the oldest first. What a revoked message said is in it. */
export const searchMessages = operation('reader', function* ({ caller }, search: Search): Operation<Found> {
  assertAdmin(caller)
  const { offset, limit } = sliceOf(search.pagination, PAGE_MAX)
  const { ids, isCut } = yield* conversationsOf(search)
  const finding = new Finding(search, isCut)
  const heads = yield* headsOf(ids)
  for (const id of ids) {
    const head = heads.get(id)
    if (head !== undefined) yield* searchIn(head, finding)
  }
  const page = finding.found.slice(offset, offset + limit)
  return {
    chatLogs: yield* describe(page),
    chatLogsNum: finding.found.length,
    isCut: finding.isCut,
  }
})

interface Hit {
  message: MsgData
  isRevoked: boolean
}

/** What a search has found so far, and how far it may go on. */
class Finding {
  readonly found: Hit[] = []
  readonly #search: Search
  readonly #dayMs: number | undefined
  #rowsLeft = ROWS_MAX
  #bytesLeft = BYTES_MAX
  isCut: boolean

  constructor(search: Search, isCut: boolean) {
    this.#search = search
    this.#dayMs = search.sendTime === '' ? undefined : Date.parse(`${search.sendTime}T00:00:00Z`)
    this.isCut = isCut
  }

  /** As much was looked at as may be. */
  get isOver(): boolean {
    return this.#rowsLeft <= 0 || this.#bytesLeft <= 0
  }

  get rowsLeft(): number {
    return this.#rowsLeft
  }

  /** The time asked for: from the first to before the second. */
  get times(): readonly [sinceMs: number, untilMs: number] | undefined {
    return this.#dayMs === undefined ? undefined : [this.#dayMs, this.#dayMs + DAY_MS]
  }

  spend(rows: number): void {
    this.#rowsLeft -= rows
  }

  look(row: StoredMessage): void {
    this.spend(1)
    this.#bytesLeft -= row.body.length
    const { sendID, recvID, contentType } = this.#search
    if (sendID !== '' && row.senderId !== sendID) return
    if (contentType !== 0 && row.contentType !== contentType) return
    const message = MsgData.decode(row.body)
    if (recvID !== '' && message.recvID !== recvID) return
    this.found.push({ message, isRevoked: row.state === MessageState.Revoked })
  }
}

function* searchIn(head: Head, finding: Finding): Operation<void> {
  const { bucket, conversationId } = head
  let { from, to } = yield* rangeIn(head, finding)
  while (from <= to) {
    if (finding.isOver) {
      finding.isCut = true
      return
    }
    const limit = Math.min(CHUNK, finding.rowsLeft)
    const rows = yield* scan(messages, [bucket, conversationId], { from, to, limit })
    for (const row of rows) finding.look(row)
    if (rows.length < limit) return
    from = rows.at(-1)!.seq + 1
  }
}

/** Numbers to look at; none where `from` > `to`. */
function* rangeIn(
  { conversationId, maxSeq, lastMs }: Head,
  finding: Finding,
): Operation<{ from: number; to: number }> {
  const { times } = finding
  if (times === undefined || finding.isOver) return { from: 1, to: maxSeq }
  if (lastMs < times[0]) return { from: 1, to: 0 }
  finding.spend(DAY_ROWS)
  const from = yield* firstSince(conversationId, 1, maxSeq, times[0])
  return { from, to: (yield* firstSince(conversationId, from, maxSeq, times[1])) - 1 }
}

/** Where it is to be searched. */
function* conversationsOf(search: Search): Operation<{ ids: ConversationId[]; isCut: boolean }> {
  const { sendID, recvID } = search
  const isWanted = ofType(search.sessionType)
  if (sendID !== '' && recvID !== '') {
    const parties = pairOf(sendID, recvID)
    return { ids: [singleChatId(parties), accountChatId(parties)].filter(isWanted), isCut: false }
  }
  const userId = sendID || recvID
  const limit = CONVERSATIONS_MAX + 1
  const rows = userId === '' ? yield* scan(conversations, [], { limit }) : yield* recordsOf(userId, { limit })
  const ids = rows.slice(0, CONVERSATIONS_MAX).map(({ conversationId }) => conversationId)
  return { ids: ids.filter(isWanted), isCut: rows.length > CONVERSATIONS_MAX }
}

function ofType(sessionType: number): (id: ConversationId) => boolean {
  if (sessionType === SessionType.Single) return (id) => id.startsWith('si_')
  if (sessionType === SessionType.Notification) return (id) => id.startsWith('sn_')
  return (id) => !isNotifications(id)
}

function* describe(page: readonly Hit[]): Operation<Found['chatLogs']> {
  const receivers = yield* findUsers([...new Set(page.map(({ message }) => message.recvID))])
  const names = new Map(receivers.map(({ userId, nickname }) => [userId, nickname]))
  return page.map(({ message, isRevoked }) => ({
    chatLog: chatLogOf(message, names.get(message.recvID) ?? ''),
    isRevoked,
  }))
}

/** OpenIM's form of it. */
function chatLogOf(message: MsgData, recvNickname: string): object {
  return {
    serverMsgID: message.serverMsgID,
    clientMsgID: message.clientMsgID,
    sendID: message.sendID,
    recvID: message.recvID,
    groupID: message.groupID,
    recvNickname,
    senderPlatformID: message.senderPlatformID,
    senderNickname: message.senderNickname,
    senderFaceURL: message.senderFaceURL,
    groupName: '',
    sessionType: message.sessionType,
    msgFrom: message.msgFrom,
    contentType: message.contentType,
    content: Buffer.from(message.content).toString(),
    status: message.status,
    sendTime: message.sendTime,
    createTime: message.createTime,
    ex: message.ex,
    groupFaceURL: '',
    groupMemberCount: 0,
    seq: message.seq,
    groupOwner: '',
    groupType: 0,
  }
}
