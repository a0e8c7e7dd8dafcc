/** What clients of a storm saw, and what must be true of the messages that are stored afterwards. No input of its own. */

/** What the answer to a send says. */
export interface Answer {
  serverMsgId: string
  sendTimeMs: number
}

/** A message as it was pushed, or as it was read. */
export interface Copy extends Answer {
  clientMsgId: string
  sender: string
  seq: number
}

/** A conversation as one of its two users read it when all was quiet. */
export interface Reading {
  conversationId: string
  reader: string
  maxSeq: number
  copies: readonly Copy[]
}

export type Clause =
  | 'unanswered'
  | 'answers differ'
  | 'lost'
  | 'changed'
  | 'doubled'
  | 'hole'
  | 'time'
  | 'unsent'
  | 'readers differ'
  | 'push of another'
  | 'push order'
  | 'push missing'

export interface Problem {
  clause: Clause
  text: string
}

/** One connection of one user. */
export class Session {
  readonly pushes: Copy[] = []
  /** What was stored, as the first read of this connection said; undefined = the connection ended before. */
  baseSeq: number | undefined
  isOpen = true

  constructor(
    readonly userId: string,
    readonly conversationId: string,
  ) {}
}

interface Sent {
  conversationId: string
  sender: string
  answer: Answer | undefined
}

export class Ledger {
  readonly sessions: Session[] = []
  readonly #sent = new Map<string, Sent>()
  readonly #problems: Problem[] = []
  /** Messages that were answered. */
  answered = 0
  /** Sends that got no answer: the socket closed, or the time was over. */
  broken = 0
  /** Sends that were refused, by error code. */
  readonly refusals = new Map<number, number>()

  get sent(): number {
    return this.#sent.size
  }

  send(conversationId: string, sender: string, clientMsgId: string): void {
    this.#sent.set(clientMsgId, { conversationId, sender, answer: undefined })
  }

  /** The same message may be answered several times: always alike. */
  answer(clientMsgId: string, answer: Answer): void {
    const sent = this.#sent.get(clientMsgId)!
    if (sent.answer === undefined) {
      sent.answer = answer
      this.answered++
    } else if (!isAlike(sent.answer, answer)) {
      this.#problems.push({ clause: 'answers differ', text: `${clientMsgId} was answered in two ways` })
    }
  }

  refuse(errCode: number): void {
    this.refusals.set(errCode, (this.refusals.get(errCode) ?? 0) + 1)
  }

  /** After everything that was sent was answered, and everything that was stored was pushed. */
  problems(readings: readonly Reading[]): Problem[] {
    const found = [...this.#problems]
    const byConversation = new Map<string, Reading>()
    for (const reading of readings) {
      const first = byConversation.get(reading.conversationId)
      if (first === undefined) byConversation.set(reading.conversationId, reading)
      else found.push(...differencesOf(first, reading))
    }
    for (const reading of byConversation.values()) found.push(...this.#ofReading(reading))
    for (const [clientMsgId, { answer }] of this.#sent) {
      if (answer === undefined)
        found.push({ clause: 'unanswered', text: `${clientMsgId} was never answered` })
    }
    found.push(...this.#lost(readings))
    for (const session of this.sessions) {
      found.push(...pushesOf(session, byConversation.get(session.conversationId)))
    }
    return found
  }

  #ofReading({ conversationId, maxSeq, copies }: Reading): Problem[] {
    const found: Problem[] = []
    const known = new Map<string, number>()
    const problem = (clause: Clause, text: string) =>
      found.push({ clause, text: `${conversationId}: ${text}` })
    let last: Copy | undefined
    for (const copy of copies) {
      const { clientMsgId, sender, seq, sendTimeMs } = copy
      const expectedSeq = (last?.seq ?? 0) + 1
      if (seq !== expectedSeq) problem('hole', `${expectedSeq} should be next, and ${seq} is`)
      if (last !== undefined && sendTimeMs <= last.sendTimeMs)
        problem('time', `${seq} is not later than ${last.seq}`)
      const other = known.get(clientMsgId)
      if (other !== undefined) problem('doubled', `${clientMsgId} has the numbers ${other} and ${seq}`)
      known.set(clientMsgId, seq)
      const sent = this.#sent.get(clientMsgId)
      if (sent === undefined || sent.sender !== sender || sent.conversationId !== conversationId)
        problem('unsent', `${sender} never sent ${clientMsgId} here`)
      else if (sent.answer !== undefined && !isAlike(sent.answer, copy))
        problem('changed', `${seq} is not as its answer said`)
      last = copy
    }
    if ((last?.seq ?? 0) !== maxSeq) problem('hole', `${last?.seq ?? 0} is the last one, and not ${maxSeq}`)
    return found
  }

  #lost(readings: readonly Reading[]): Problem[] {
    const stored = new Set(readings.flatMap(({ copies }) => copies.map(({ clientMsgId }) => clientMsgId)))
    return [...this.#sent]
      .filter(([clientMsgId, { answer }]) => answer !== undefined && !stored.has(clientMsgId))
      .map(([clientMsgId, { sender }]) => ({
        clause: 'lost',
        text: `${clientMsgId} of ${sender} was acknowledged, and is not stored`,
      }))
  }
}

function differencesOf(one: Reading, other: Reading): Problem[] {
  const differing = other.copies.findIndex((copy, index) => !isSame(copy, one.copies[index]))
  if (differing < 0 && one.copies.length === other.copies.length && one.maxSeq === other.maxSeq) return []
  const text = `${one.conversationId}: ${other.reader} does not read what ${one.reader} reads`
  return [{ clause: 'readers differ', text }]
}

/**
 * What was stored before the connection's first read may have been pushed or not. From then on every number comes, each
 * once and in order, and to the last one if the connection is still open.
 */
function pushesOf(
  { userId, conversationId, pushes, baseSeq, isOpen }: Session,
  reading?: Reading,
): Problem[] {
  const found: Problem[] = []
  const problem = (clause: Clause, text: string) =>
    found.push({ clause, text: `${userId} in ${conversationId}: ${text}` })
  let lastSeq = 0
  for (const push of pushes) {
    if (!isSame(push, reading?.copies[push.seq - 1]))
      problem('push of another', `${push.seq} is stored otherwise`)
    if (push.seq <= lastSeq) problem('push order', `${push.seq} was pushed after ${lastSeq}`)
    else if (baseSeq !== undefined && push.seq > Math.max(baseSeq, lastSeq) + 1)
      problem('push missing', `${push.seq} was pushed after ${Math.max(baseSeq, lastSeq)}`)
    lastSeq = Math.max(lastSeq, push.seq)
  }
  const maxSeq = reading?.maxSeq ?? 0
  if (isOpen && Math.max(lastSeq, baseSeq ?? 0) < maxSeq)
    problem('push missing', `${maxSeq} is stored, and ${lastSeq} is the last one that was pushed`)
  return found
}

function isAlike(one: Answer, other: Answer): boolean {
  return one.serverMsgId === other.serverMsgId && one.sendTimeMs === other.sendTimeMs
}

function isSame(one: Copy, other: Copy | undefined): boolean {
  return (
    other !== undefined &&
    isAlike(one, other) &&
    one.seq === other.seq &&
    one.clientMsgId === other.clientMsgId &&
    one.sender === other.sender
  )
}
