/**
 * The rules of messages, read off a recorded history:
 *
 * - stored once: a message that was acknowledged is stored, with the time that was acknowledged; none is stored twice
 * - numbers: in each conversation they are 1, 2, 3, at every moment
 * - time: it rises with the numbers, and is between when the message was sent and when it was committed
 * - acknowledged: who sends is answered in time and not refused for good; who sends again is told at last that it is stored
 * - readable: who reads a range gets what is stored, all of it
 * - pushed once: a socket gets a message once, after it is stored, in the order of the numbers; only those of its user, and
 *   none that was old when it came
 * - heard: a socket that is on record gets all that is beyond what it was told when it read, in time, or is closed
 * - answer first: a socket that sends a message gets it itself after the answer, unless the answer to its commit is
 *   lost or late
 * - change and notice: a revoke and its notice are one commit, each once; one that was answered is done
 * - no false end: where nothing fails no socket is closed by its node
 *
 * A failure excuses what is late while it lasts and until its consequences are over (`settleMs`), nothing more.
 */
import { WireCode } from '../../../src/openim/codes.js'
import { append } from '../../../src/rules/append.js'
import { type ConversationId, isSingleChat } from '../../../src/rules/messages/conversation-id.js'
import type { UserId } from '../../../src/rules/types.js'
import { dueAfter } from '../excuses.js'
import type { History, HistoryEvent, MessageName, Place, SocketId } from '../history.js'
import { type Socket, socketsOf } from '../reading.js'

export type MessageRule =
  | 'stored once'
  | 'numbers'
  | 'time'
  | 'acknowledged'
  | 'readable'
  | 'pushed once'
  | 'heard'
  | 'answer first'
  | 'change and notice'
  | 'no false end'

export interface MessageViolation {
  rule: MessageRule
  atMs: number
  what: string
}

export interface MessageBounds {
  /** Where nothing fails a message is acknowledged, and pushed everywhere, within this. */
  quickMs: number
  /** A node that is paused or cut off for no longer than this does not lose its lease. */
  harmlessMs: number
  /** What a node that lost it had in the store is recorded again within this after the fault. */
  recoveryMs: number
  /** A time may be off by so much. */
  clockMs: number
  /** Unix ms of the beginning of the history. */
  epochMs: number
}

type EventOf<K extends HistoryEvent['kind']> = Extract<HistoryEvent, { kind: K }>
type Stored = EventOf<'stored'>

/** A refusal with one of these is no promise that the message was not stored: it is to be sent again. */
const MAY_BE_STORED: readonly number[] = [WireCode.DatabaseError, WireCode.ServerInternalError]
/** Faults by which the answer to a commit is lost, or comes late. */
const ANSWERS_LOST: readonly string[] = ['commitAnswerLost', 'commitLate', 'dbCut', 'sleepInCommit']
/** Faults by which a node loses its lease. */
const AWAY: readonly string[] = ['partition', 'pauseNode', 'sleepInCommit']
/** What was stored so long before a socket came was read by its client, beyond doubt. */
const OLD_MS = 31_000
/** Of what can never be stored, however often it is sent. */
const FOR_GOOD = /could not be (stored|handled)/

export function checkMessages(history: History, bounds: MessageBounds): MessageViolation[] {
  const facts = new Facts(history, bounds)
  const violations = [
    ...checkStored(facts),
    ...checkNumbers(facts),
    ...checkTimes(facts),
    ...checkAnswers(facts),
    ...checkReads(facts),
    ...facts.sockets.flatMap((socket) => [...checkPushes(facts, socket), ...checkHeard(facts, socket)]),
    ...checkAnswerFirst(facts),
    ...checkNotices(facts),
    ...checkEnds(facts),
  ]
  return violations.sort((a, b) => a.atMs - b.atMs)
}

class Facts {
  readonly sockets: Socket[]
  readonly stored: Stored[]
  /** In the order of the commits. */
  readonly conversations: ReadonlyMap<ConversationId, Stored[]>
  readonly #ofMessage: ReadonlyMap<MessageName, Stored[]>
  readonly #pushes: ReadonlyMap<SocketId, EventOf<'pushed'>[]>

  constructor(
    readonly history: History,
    readonly bounds: MessageBounds,
  ) {
    this.sockets = socketsOf(history.events)
    this.stored = this.all('stored')
    this.conversations = groups(this.stored, ({ conversationId }) => conversationId)
    this.#ofMessage = groups(this.stored, ({ message }) => message)
    this.#pushes = groups(this.all('pushed'), ({ socket }) => socket)
  }

  all<K extends HistoryEvent['kind']>(kind: K): EventOf<K>[] {
    return this.history.events.filter((event) => event.kind === kind) as EventOf<K>[]
  }

  /** Commits of the message: one is right. */
  storedAs(message: MessageName): Stored[] {
    return this.#ofMessage.get(message) ?? []
  }

  storedAt(conversationId: ConversationId, seq: number): Stored | undefined {
    return this.conversations.get(conversationId)?.find((row) => row.seq === seq)
  }

  pushesTo(socket: SocketId): EventOf<'pushed'>[] {
    return this.#pushes.get(socket) ?? []
  }

  leftMs(socket: SocketId): number {
    return this.sockets.find(({ id }) => id === socket)!.leftMs
  }

  dueAfter(sinceMs: number): number {
    return dueAfter(this.history.faults, this.bounds.quickMs, sinceMs, sinceMs)
  }
}

function groups<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const lists = new Map<Key, Item[]>()
  for (const item of items) append(lists, keyOf(item), item)
  return lists
}

/** IDs of users have no `_` here. */
function isParty(conversationId: ConversationId, userId: UserId): boolean {
  return conversationId.split('_').slice(1).includes(userId)
}

// The rules

function checkStored(facts: Facts): MessageViolation[] {
  const violations: MessageViolation[] = []
  const violation = (atMs: number, what: string) => violations.push({ rule: 'stored once', atMs, what })
  const sent = new Set(facts.all('sending').map(({ message }) => message))
  for (const { message, atMs, conversationId } of facts.stored) {
    if (!sent.has(message) && isSingleChat(conversationId))
      violation(atMs, `${message} was stored, and nobody had sent it`)
    const [first] = facts.storedAs(message)
    if (first!.atMs < atMs || facts.storedAs(message).length > 1)
      violation(atMs, `${message} was stored twice`)
  }
  for (const { message, atMs, sentMs } of facts.all('acknowledged')) {
    const [row] = facts.storedAs(message)
    if (row === undefined || row.atMs > atMs) violation(atMs, `${message} was acknowledged and not stored`)
    else if (row.sentMs !== sentMs) violation(atMs, `${message} was acknowledged with another time`)
  }
  return violations
}

function checkNumbers(facts: Facts): MessageViolation[] {
  const violations: MessageViolation[] = []
  for (const [conversationId, rows] of facts.conversations) {
    for (const [index, { seq, atMs }] of rows.entries()) {
      if (seq === index + 1) continue
      violations.push({
        rule: 'numbers',
        atMs,
        what: `${conversationId}: number ${seq} instead of ${index + 1}`,
      })
    }
  }
  const heads = new Map(facts.all('headed').map((head) => [head.conversationId, head]))
  for (const { conversationId, maxSeq, atMs } of heads.values()) {
    const count = facts.conversations.get(conversationId)?.length ?? 0
    if (count === maxSeq) continue
    violations.push({ rule: 'numbers', atMs, what: `${conversationId} says ${maxSeq}, and has ${count}` })
  }
  return violations
}

function checkTimes(facts: Facts): MessageViolation[] {
  const violations: MessageViolation[] = []
  const { clockMs, epochMs } = facts.bounds
  const begun = new Map<MessageName, number>()
  for (const { message, atMs } of facts.all('sending')) if (!begun.has(message)) begun.set(message, atMs)
  for (const [conversationId, rows] of facts.conversations) {
    for (const [index, { message, seq, sentMs, atMs }] of rows.entries()) {
      const violation = (what: string) =>
        violations.push({ rule: 'time', atMs, what: `${conversationId} ${seq}: ${what}` })
      const before = rows[index - 1]
      if (before !== undefined && before.sentMs >= sentMs) violation('not later than the one before')
      const atHistoryMs = sentMs - epochMs
      if (atHistoryMs > atMs + clockMs) violation(`${Math.round(atHistoryMs - atMs)} ms after its commit`)
      const sinceMs = begun.get(message)
      if (sinceMs !== undefined && atHistoryMs < sinceMs - clockMs) violation('before it was sent')
    }
  }
  return violations
}

function checkAnswers(facts: Facts): MessageViolation[] {
  const violations: MessageViolation[] = []
  const acknowledged = facts.all('acknowledged')
  const refused = facts.all('refused')
  const key = ({ socket, message }: { socket: SocketId; message: MessageName }) => `${socket} ${message}`
  const answers = groups([...acknowledged, ...refused], key)
  for (const sending of facts.all('sending')) {
    const { message, socket, atMs } = sending
    const dueMs = facts.dueAfter(atMs)
    if (dueMs > Math.min(facts.leftMs(socket), facts.history.endMs)) continue
    if (answers.get(key(sending))?.some((one) => one.atMs >= atMs && one.atMs <= dueMs)) continue
    const what = `socket ${socket} gets no answer to ${message}`
    violations.push({ rule: 'acknowledged', atMs: dueMs, what })
  }
  const done = new Set(acknowledged.map(({ message }) => message))
  for (const message of new Set(facts.all('sending').map((one) => one.message))) {
    if (done.has(message)) continue
    violations.push({ rule: 'acknowledged', atMs: facts.history.endMs, what: `${message} never is` })
  }
  for (const { message, atMs, errCode, detail } of refused) {
    if (MAY_BE_STORED.includes(errCode) && !FOR_GOOD.test(detail)) continue
    violations.push({ rule: 'acknowledged', atMs, what: `${message} is refused: ${errCode} ${detail}` })
  }
  return violations
}

function checkReads(facts: Facts): MessageViolation[] {
  const violations: MessageViolation[] = []
  for (const { conversationId, from, to, messages, socket, atMs } of facts.all('pulled')) {
    for (let seq = from; seq <= to; seq++) {
      const row = facts.storedAt(conversationId, seq)
      const read = messages.find((one) => one.seq === seq)
      if (row !== undefined && row.message === read?.message && row.sentMs === read.sentMs) continue
      const what = `socket ${socket} reads ${read?.message ?? 'nothing'} as ${conversationId} ${seq}, which is ${row?.message}`
      violations.push({ rule: 'readable', atMs, what })
    }
  }
  return violations
}

function checkPushes(facts: Facts, socket: Socket): MessageViolation[] {
  const violations: MessageViolation[] = []
  const last = new Map<ConversationId, number>()
  for (const { conversationId, seq, message, sentMs, atMs } of facts.pushesTo(socket.id)) {
    const violation = (what: string) =>
      violations.push({
        rule: 'pushed once',
        atMs,
        what: `socket ${socket.id} of ${socket.userId} gets ${conversationId} ${seq} ${what}`,
      })
    const row = facts.storedAt(conversationId, seq)
    if (row === undefined || row.atMs > atMs) violation('before it is stored')
    else if (row.message !== message || row.sentMs !== sentMs) violation('as another message')
    if (!isParty(conversationId, socket.userId)) violation('of others')
    if (row !== undefined && row.atMs < socket.knockedMs - OLD_MS) violation('which is old')
    const before = last.get(conversationId) ?? 0
    if (seq <= before) violation(seq === before ? 'twice' : `after ${before}`)
    last.set(conversationId, Math.max(before, seq))
  }
  return violations
}

function checkHeard(facts: Facts, socket: Socket): MessageViolation[] {
  const read = facts.all('read').find((one) => one.socket === socket.id)
  if (read === undefined) return []
  const pushedMs = new Map(
    facts.pushesTo(socket.id).map(({ conversationId, seq, atMs }) => [`${conversationId} ${seq}`, atMs]),
  )
  return facts.stored.flatMap((row): MessageViolation[] => {
    const { conversationId, seq } = row
    if (!isParty(conversationId, socket.userId) || seq <= (read.maxSeqs[conversationId] ?? 0)) return []
    if (isUnregistered(facts, socket, row.atMs)) return []
    const key = `${conversationId} ${seq}`
    const dueMs = facts.dueAfter(Math.max(row.atMs, read.atMs))
    if (dueMs >= Math.min(socket.leftMs, facts.history.endMs)) return []
    if ((pushedMs.get(key) ?? Number.POSITIVE_INFINITY) <= dueMs) return []
    const what = `socket ${socket.id} of ${socket.userId} does not get ${key}`
    return [{ rule: 'heard', atMs: dueMs, what }]
  })
}

/** Its node has lost its lease, or may have: then its claims are void, and nobody tells it of a message. */
function isUnregistered({ history, bounds }: Facts, { node }: Socket, atMs: number): boolean {
  return history.faults.some(({ name, node: struck, fromMs, toMs }) => {
    const isAway = AWAY.includes(name) && struck === node && toMs - fromMs > bounds.harmlessMs
    return isAway && fromMs <= atMs && atMs <= toMs + bounds.recoveryMs
  })
}

/** Of messages that were sent once: of a repeat the push may have come before. */
function checkAnswerFirst(facts: Facts): MessageViolation[] {
  const sendings = facts.all('sending')
  const times = new Map<MessageName, number>()
  for (const { message } of sendings) times.set(message, (times.get(message) ?? 0) + 1)
  return facts.all('acknowledged').flatMap(({ message, socket, atMs }): MessageViolation[] => {
    if (times.get(message) !== 1) return []
    const push = facts.pushesTo(socket).find((one) => one.message === message)
    if (push === undefined || push.atMs > atMs || isAwaited(facts, push.atMs)) return []
    const what = `socket ${socket} gets its own ${message} before the answer, or with it`
    return [{ rule: 'answer first', atMs: push.atMs, what }]
  })
}

/** While the answer to a commit is awaited or looked up, a later message of another node brings it first. */
function isAwaited({ history }: Facts, atMs: number): boolean {
  return history.faults.some(
    ({ name, fromMs, toMs, settleMs }) =>
      ANSWERS_LOST.includes(name) && fromMs <= atMs && atMs <= toMs + settleMs,
  )
}

function checkNotices(facts: Facts): MessageViolation[] {
  const violations: MessageViolation[] = []
  const violation = (atMs: number, what: string) => violations.push({ rule: 'change and notice', atMs, what })
  const nameOf = ({ conversationId, seq }: Place) => `${conversationId} ${seq}`
  const changes = groups(facts.all('revoked'), nameOf)
  const notices = groups(
    facts.stored.filter((row) => row.revokes !== undefined),
    ({ revokes }) => nameOf(revokes!),
  )
  for (const name of new Set([...changes.keys(), ...notices.keys()])) {
    const [changed = [], told = []] = [changes.get(name), notices.get(name)]
    const atMs = (changed[0] ?? told[0])!.atMs
    if (told.length !== 1) violation(atMs, `${name} is revoked, and told ${told.length} times`)
    else if (changed[0]?.atMs !== told[0]!.atMs) violation(atMs, `${name} is not revoked where it is told`)
  }
  for (const done of facts.all('revokeDone')) {
    const [change] = changes.get(nameOf(done)) ?? []
    if (change === undefined || change.atMs > done.atMs)
      violation(done.atMs, `${nameOf(done)} is not revoked`)
  }
  return violations
}

function checkEnds(facts: Facts): MessageViolation[] {
  return facts.all('left').flatMap(({ isPutOut, socket, atMs }): MessageViolation[] => {
    const isExcused = facts.history.faults.some(
      (one) => one.fromMs <= atMs && atMs <= one.toMs + one.settleMs,
    )
    if (!isPutOut || isExcused) return []
    return [{ rule: 'no false end', atMs, what: `the node of socket ${socket} closed it` }]
  })
}
