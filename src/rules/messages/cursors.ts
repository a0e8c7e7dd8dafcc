/**
 * Which messages an io thread passes on, and when. Numbers of a conversation have no holes, so a thread that knows the last
 * one it passed on knows what is a repeat, what is the next one, and what is missing.
 *
 * Two nodes may write into one conversation, and notes between nodes may be lost or repeated. A message that comes too
 * early is held until the missing ones have come, or were read.
 */
import { RecentMap } from '../recent-map.js'
import type { ConversationId } from './conversation-id.js'
import { COMMIT_MS } from './late.js'
import type { Delivery } from './types.js'

/** Numbers that have not come, both inclusive. */
export interface Gap {
  conversationId: ConversationId
  from: number
  to: number
}

/** A message that goes on. `isLate`: it was read, and who logged in after it was sent has it already. */
export interface Passed {
  delivery: Delivery
  isLate: boolean
}

/** Conversations that a thread remembers; about 6 MB. */
const CONVERSATIONS_MAX = 65_536
/** Messages that may be held in one conversation; beyond, the missing ones are given up. */
const HELD_MAX = 1_000
/**
 * A message that came so long after the one before it did not overtake it: what a node that died has left in the outbox is
 * told after some 20 s.
 */
const APART_MS = 60_000
/** What the first message that a thread hears of may have overtaken. */
const LOOK_BACK = 16

interface Conversation {
  /** The last number that was passed on. */
  last: number
  /** By number. */
  held: Map<number, Delivery> | undefined
}

export class Cursors {
  readonly #conversations = new RecentMap<ConversationId, Conversation>(CONVERSATIONS_MAX)
  readonly #sinceMs: number

  /** `wallMs`: when the thread began; what was committed before is no concern of its sockets. */
  constructor(wallMs: number) {
    this.#sinceMs = wallMs - COMMIT_MS
  }

  /** What is to be passed on now, in order. Empty = it is a repeat, or it is held: see `gapOf`. */
  accept(delivery: Delivery): Passed[] {
    const { conversationId, seq } = delivery
    if (seq === 0) return [{ delivery, isLate: false }]
    const known = this.#conversations.get(conversationId)
    const conversation = known ?? { last: this.#beginFor(delivery), held: undefined }
    this.#conversations.set(conversationId, conversation)
    if (seq <= conversation.last) return []
    if (seq === conversation.last + 1) {
      conversation.last = seq
      return [{ delivery, isLate: false }, ...release(conversation)]
    }
    conversation.held ??= new Map()
    conversation.held.set(seq, delivery)
    return conversation.held.size > HELD_MAX ? this.fill(conversationId, [], seq) : []
  }

  /** What is missing before the messages that are held. */
  gapOf(conversationId: ConversationId): Gap | undefined {
    const conversation = this.#conversations.get(conversationId)
    if (conversation?.held === undefined) return undefined
    return { conversationId, from: conversation.last + 1, to: Math.min(...conversation.held.keys()) - 1 }
  }

  /**
   * What was read of a gap, up to a number. What is not among it cannot be had: the messages that are held go on without
   * it. The gap may be another one by now, beyond that number, of which nothing was read.
   */
  fill(conversationId: ConversationId, read: readonly Delivery[], upTo: number): Passed[] {
    const gap = this.gapOf(conversationId)
    if (gap === undefined || upTo < gap.from) return []
    const conversation = this.#conversations.get(conversationId)!
    conversation.last = Math.min(gap.to, upTo)
    const late = read.filter(({ seq }) => seq >= gap.from && seq <= conversation.last)
    return [...late.map((delivery) => ({ delivery, isLate: true })), ...release(conversation)]
  }

  /** The number before the first message that a thread hears of, or before those that it may have overtaken. */
  #beginFor({ seq, sentMs, previousMs }: Delivery): number {
    const mayHaveOvertaken = sentMs - previousMs < APART_MS && previousMs >= this.#sinceMs
    return mayHaveOvertaken ? Math.max(0, seq - 1 - LOOK_BACK) : seq - 1
  }
}

function release(conversation: Conversation): Passed[] {
  const released: Passed[] = []
  const { held } = conversation
  for (;;) {
    const delivery = held?.get(conversation.last + 1)
    if (delivery === undefined) break
    held!.delete(delivery.seq)
    conversation.last = delivery.seq
    released.push({ delivery, isLate: false })
  }
  if (held?.size === 0) conversation.held = undefined
  return released
}
