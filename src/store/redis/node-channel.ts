/**
 * The node bus in Redis: the messages that a node receives on its channel, and those that it publishes to others. What the notes mean is
 * up to the table of `src/protocol/node/`.
 *
 * On one server a change is told by the script that records it, in the same step: it is told if and only if it is
 * recorded, and it can be lost only with the subscription, which the receiver notices. Such messages bear no number.
 *
 * Whatever a node says itself may be lost on its way to the server. Those messages are numbered, so that a loss is
 * noticed. Each sender counts its messages to each receiver from 1, where both are incarnations (`node#epoch`): a node
 * that starts anew is somebody else. A number that is not the next one means that notes were lost, and the receiver
 * reads again what it watches. What is lost after the last message is found by the renewal of the watches, not here.
 */

import { type Numbering, type Part, packEnvelope } from '../../protocol/node/envelope.js'
import { decodeMessage, type Message } from '../../protocol/node/message.js'
import { holderOf, splitHolder } from '../../rules/cluster/holder.js'
import type { Holder } from '../../rules/types.js'

/** What one call has for many nodes: one note for each of them, whose body is a list. */
export class Outgoing {
  readonly kind: string
  readonly byNode = new Map<string, { epoch: number; body: unknown[] }>()

  constructor(kind: string) {
    this.kind = kind
  }

  /** `element`: encoded, for all of them. `receivers` flat: node, epoch, node, epoch... */
  add(element: unknown, receivers: string[]): void {
    for (let i = 0; i < receivers.length; i += 2) {
      const nodeId = receivers[i]!
      const epoch = Number(receivers[i + 1])
      const known = this.byNode.get(nodeId)
      // An earlier incarnation has no interest any more: its successor asks for what it wants.
      if (!known || epoch > known.epoch) this.byNode.set(nodeId, { epoch, body: [element] })
      else if (epoch === known.epoch) known.body.push(element)
    }
  }
}

/** The sending end: counts messages for each receiver. The publisher must keep the order of the calls. */
export class NodeSender {
  readonly #from: Holder
  readonly #counts = new Map<string, { epoch: number; seq: number }>()
  #kept = new Map<string, { epoch: number; parts: Part[] }>()

  constructor(from: Holder) {
    this.#from = from
  }

  /** Keep a note for the next messages. True = it is the first since the last ones: see that there will be some. */
  note<N extends { kind: string }>(to: Holder, note: N): boolean {
    const { nodeId, epoch } = splitHolder(to)
    const isFirst = this.#kept.size === 0
    const part = { kind: note.kind, body: note }
    const kept = this.#kept.get(nodeId)
    if (kept) {
      kept.epoch = Math.max(kept.epoch, epoch)
      kept.parts.push(part)
    } else this.#kept.set(nodeId, { epoch, parts: [part] })
    return isFirst
  }

  /** One message for each receiver, packed, with the notes that were kept for it. */
  messages(outgoing?: Outgoing): { nodeId: string; payload: Buffer }[] {
    const messages: { nodeId: string; payload: Buffer }[] = []
    const kept = this.#kept
    if (kept.size > 0) this.#kept = new Map()
    if (outgoing) {
      const { kind, byNode } = outgoing
      for (const [nodeId, { epoch, body }] of byNode) {
        const notes = kept.get(nodeId)
        kept.delete(nodeId)
        const count = this.#countFor(nodeId, Math.max(epoch, notes?.epoch ?? 0))
        const parts = notes?.parts ?? []
        // Changes are only for the incarnation that watches; notes are for the node's present one.
        if (epoch === count.epoch) messages.push(this.#message(nodeId, count, [...parts, { kind, body }]))
        else if (parts.length > 0) messages.push(this.#message(nodeId, count, parts))
      }
    }
    for (const [nodeId, { epoch, parts }] of kept) {
      messages.push(this.#message(nodeId, this.#countFor(nodeId, epoch), parts))
    }
    return messages
  }

  /** The count of the latest incarnation known. */
  #countFor(nodeId: string, epoch: number): { epoch: number; seq: number } {
    let count = this.#counts.get(nodeId)
    if (!count || count.epoch < epoch) {
      count = { epoch, seq: 0 }
      this.#counts.set(nodeId, count)
    }
    return count
  }

  #message(
    nodeId: string,
    count: { epoch: number; seq: number },
    parts: Part[],
  ): { nodeId: string; payload: Buffer } {
    const to = holderOf(nodeId, count.epoch)
    return { nodeId, payload: packEnvelope(this.#from, { to, seq: ++count.seq }, parts) }
  }
}

/** The content of a message, and whether its number shows that earlier ones were lost. */
export interface Received extends Omit<Message, 'numbering'> {
  /** Why messages before this one were lost; undefined when none was. */
  missed?: string
}

/** The receiving end of one incarnation. */
export class NodeReceiver {
  readonly #to: Holder
  /** By node: only its latest incarnation counts on. `next` undefined = any number is the right one. */
  readonly #senders = new Map<string, { epoch: number; next: number | undefined }>()

  constructor(to: Holder) {
    this.#to = to
  }

  /**
   * A number instead of notes is the version of a message that is not understood: it does not count, so that the next
   * message of its sender shows a gap. Throws for what is no message.
   */
  receive(payload: Buffer): Received | number {
    const message = decodeMessage(payload)
    if (typeof message === 'number') return message
    const { from, numbering, notes, leftOut } = message
    const received: Received = { from, notes, leftOut }
    // Without a number, or meant for an earlier incarnation of this node: news all the same, but not of this count.
    if (numbering?.to !== this.#to) return received
    const missed = this.#count(from, numbering)
    if (missed !== undefined) received.missed = missed
    return received
  }

  /** This node was deaf for a while and says so itself: whatever numbers come next are no news of a loss. */
  forgive(): void {
    for (const sender of this.#senders.values()) sender.next = undefined
  }

  #count(from: Holder, { seq }: Numbering): string | undefined {
    const { nodeId, epoch } = splitHolder(from)
    const sender = this.#senders.get(nodeId)
    if (sender && epoch < sender.epoch) return undefined
    // A sender counts for this very incarnation, so the first message of one unknown is number 1 or was not first.
    const expected = sender && sender.epoch === epoch ? sender.next : 1
    if (expected !== undefined && seq < expected) return undefined
    this.#senders.set(nodeId, { epoch, next: seq + 1 })
    if (expected === undefined || seq === expected) return undefined
    return `messages ${expected} to ${seq - 1} of ${from} did not arrive`
  }
}
