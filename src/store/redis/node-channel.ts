/**
 * What a node hears on its channel.
 *
 * On one server a change is told by the script that records it, in the same step: it is told if and only if it is
 * recorded, and it can be lost only with the subscription, which the receiver notices. Such messages bear no number.
 *
 * Whatever a node says itself may be lost on its way to the server: notes and, in a Cluster, where the channels of
 * the watching nodes are on other masters, changes. Those messages are numbered, so that a loss is noticed. Each
 * sender counts its messages to each receiver from 1, where both are incarnations (`node#epoch`): a node that starts
 * anew is somebody else. A number that is not the next one means that changes were lost, and the receiver reads again
 * what it watches. What is lost after the last message is found by the renewal of the watches, not here.
 */
import { Packr } from 'msgpackr'
import type { Eviction, LoginInfo, Note } from '../../rules/logins/eviction.js'
import type { Claim, Holder, Snapshot, UserId } from '../../rules/types.js'
import { holderOf, splitHolder } from '../shared/names.js'
import { decodeSnapshot, type RecordReply } from './scripts/scripts.js'

/** A change as it crosses: plain arrays, which any release and any language reads. */
type WireChange = [
  userId: string,
  version: number,
  claims: [platformId: number, holder: string][],
  foreign: number[],
  /** Absent = no; see `Snapshot`. */
  isPartial?: 1,
]

interface ChangeMessage {
  /** Version of this form. */
  v: 1
  from: Holder
  to: Holder
  seq: number
  changes: WireChange[]
  /** As they are, for their fields have names. Absent = none. */
  notes?: Note[]
}

/** Of the script that recorded them (assert-presence-n.lua): changes flat as user, claims, union, ... */
type ToldByScript = [v: 2, by: Holder, changes: (UserId | RecordReply[0] | RecordReply[1])[]]

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

function toWire({ userId, version, claims, foreign, isPartial }: Snapshot): WireChange {
  const held = claims.map((c): WireChange[2][number] => [c.platformId, c.holder])
  return isPartial ? [userId, version, held, foreign, 1] : [userId, version, held, foreign]
}

/** Throws an Error for what is no change. */
function fromWire([userId, version, claims, foreign, isPartial]: WireChange): Snapshot {
  const snapshot: Snapshot = {
    userId,
    version,
    claims: claims.map(([platformId, holder]) => ({ platformId, holder })),
    foreign,
  }
  if (isPartial) snapshot.isPartial = true
  return checked(snapshot)
}

function fromScript(changes: ToldByScript[2]): Snapshot[] {
  const snapshots: Snapshot[] = []
  for (let i = 0; i < changes.length; i += 3) {
    const [userId, claims, union] = changes.slice(i, i + 3) as [UserId, ...RecordReply]
    snapshots.push(checked(decodeSnapshot(userId, [claims, union])))
  }
  return snapshots
}

/** Whoever may publish can write anything: a shard is not to be asked what it makes of it. */
function checked(snapshot: Snapshot): Snapshot {
  const { userId, version, claims, foreign } = snapshot
  const isChange = isText(userId) && isNumber(version) && claims.every(isClaim) && isNumbers(foreign)
  if (!isChange) throw new Error('Not a change.')
  return snapshot
}

function isClaim({ platformId, holder }: Claim): boolean {
  return isNumber(platformId) && isText(holder)
}

/** What each kind of note must have. A field more is a later release's, and none of ours. */
const NOTE_FIELDS: Record<Note['kind'], (note: Partial<Record<string, unknown>>) => boolean> = {
  evict: ({ id, from, eviction }) => {
    return isNumber(id) && isText(from) && isEviction(eviction)
  },
  evicted: ({ id, userId, gone, left }) =>
    isNumber(id) && isText(userId) && isNumber(gone) && Array.isArray(left) && left.every(isLogin),
  remind: ({ from, userIds }) => isText(from) && Array.isArray(userIds) && userIds.every(isText),
  died: ({ dead }) => Array.isArray(dead) && dead.every(isDeath),
  holding: ({ from, users }) => isText(from) && Array.isArray(users) && users.every(isHeld),
  withdraw: ({ userId, platformId, tokens, by }) =>
    isText(userId) && isNumber(platformId) && Array.isArray(tokens) && tokens.every(isText) && isNumber(by),
}

function isNote(value: unknown): value is Note {
  const note = value as Partial<Record<string, unknown>> | null | undefined
  const kind = note?.kind
  return isText(kind) && Object.hasOwn(NOTE_FIELDS, kind) && NOTE_FIELDS[kind as Note['kind']](note!)
}

function isEviction(value: unknown): boolean {
  const order = value as Partial<Record<keyof Eviction, unknown>> | null | undefined
  if (!isText(order?.userId) || !isNumber(order.before)) return false
  const { platformIds, connectionId, token, spares, newcomer } = order
  const selectors = [connectionId, token, spares, newcomer]
  return (platformIds === undefined || isNumbers(platformIds)) && selectors.every(isTextOrAbsent)
}

function isLogin(value: unknown): boolean {
  const login = value as Partial<Record<keyof LoginInfo, unknown>> | null | undefined
  return isText(login?.connectionId) && isNumber(login.platformId) && isText(login.nodeId)
}

function isHeld(value: unknown): boolean {
  const held = value as Partial<Record<string, unknown>> | null | undefined
  return isText(held?.userId) && isNumbers(held?.platformIds)
}

function isDeath(value: unknown): boolean {
  const death = value as Partial<Record<string, unknown>> | null | undefined
  return isText(death?.holder) && isNumber(death?.inMs)
}

/** Every number that crosses is finite: versions, platforms, counts and times. */
function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isNumber)
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || isText(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** The changes of one call, gathered by receiver; each is made wire-ready once. */
export class Outgoing {
  readonly byNode = new Map<string, { epoch: number; changes: WireChange[] }>()

  /** `watchers` flat: node, epoch, node, epoch... */
  add(snapshot: Snapshot, watchers: string[]): void {
    if (watchers.length === 0) return
    const change = toWire(snapshot)
    for (let i = 0; i < watchers.length; i += 2) {
      const nodeId = watchers[i]!
      const epoch = Number(watchers[i + 1])
      const known = this.byNode.get(nodeId)
      // A watch of an earlier incarnation is nobody's interest any more: its successor asks for what it wants.
      if (!known || epoch > known.epoch) this.byNode.set(nodeId, { epoch, changes: [change] })
      else if (epoch === known.epoch) known.changes.push(change)
    }
  }
}

/** The sending end: counts messages for each receiver. Whoever publishes must keep the order of the calls. */
export class ChangeSender {
  readonly #from: Holder
  readonly #counts = new Map<string, { epoch: number; seq: number }>()
  #notes = new Map<string, { epoch: number; notes: Note[] }>()

  constructor(from: Holder) {
    this.#from = from
  }

  /** Keep a note for the next messages. True = it is the first since the last ones: see that there will be some. */
  note(to: Holder, note: Note): boolean {
    const { nodeId, epoch } = splitHolder(to)
    const isFirst = this.#notes.size === 0
    const kept = this.#notes.get(nodeId)
    if (kept) {
      kept.epoch = Math.max(kept.epoch, epoch)
      kept.notes.push(note)
    } else this.#notes.set(nodeId, { epoch, notes: [note] })
    return isFirst
  }

  /** One message for each receiver, packed, with the notes that were kept for it. */
  messages({ byNode }: Outgoing = new Outgoing()): { nodeId: string; payload: Buffer }[] {
    const messages: { nodeId: string; payload: Buffer }[] = []
    const kept = this.#notes
    if (kept.size > 0) this.#notes = new Map()
    for (const [nodeId, { epoch, changes }] of byNode) {
      const notes = kept.get(nodeId)
      kept.delete(nodeId)
      const count = this.#countFor(nodeId, Math.max(epoch, notes?.epoch ?? 0))
      // Changes for an earlier incarnation are nobody's news; notes are for whoever the node is now.
      if (epoch === count.epoch) messages.push(this.#message(nodeId, count, changes, notes?.notes))
      else if (notes) messages.push(this.#message(nodeId, count, [], notes.notes))
    }
    for (const [nodeId, { epoch, notes }] of kept) {
      messages.push(this.#message(nodeId, this.#countFor(nodeId, epoch), [], notes))
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
    changes: WireChange[],
    notes: Note[] | undefined,
  ): { nodeId: string; payload: Buffer } {
    const to = holderOf(nodeId, count.epoch)
    const message: ChangeMessage = { v: 1, from: this.#from, to, seq: ++count.seq, changes }
    if (notes) message.notes = notes
    return { nodeId, payload: packr.pack(message) }
  }
}

/** What a message brought, and what it says about those before it. */
export interface Received {
  from: Holder
  snapshots: Snapshot[]
  notes: Note[]
  /** How many notes were of a kind or form that this release does not know. */
  strangeNotes: number
  /** Why messages before this one were lost; undefined when none was. */
  missed?: string
}

/** The receiving end of one incarnation. */
export class ChangeReceiver {
  readonly #to: Holder
  /** By node: only its latest incarnation counts on. `next` undefined = any number is the right one. */
  readonly #senders = new Map<string, { epoch: number; next: number | undefined }>()

  constructor(to: Holder) {
    this.#to = to
  }

  /** Throws for what is no change message. */
  receive(payload: Buffer): Received {
    const message = packr.unpack(payload) as ChangeMessage | ToldByScript
    if (Array.isArray(message)) {
      const [version, by, changes] = message
      if (version !== 2 || !isText(by) || !Array.isArray(changes))
        throw new Error('Not a message of version 2.')
      return { from: by, snapshots: fromScript(changes), notes: [], strangeNotes: 0 }
    }
    if (
      message?.v !== 1 ||
      !isText(message.from) ||
      !isNumber(message.seq) ||
      !Array.isArray(message.changes)
    )
      throw new Error('Not a change message of version 1.')
    const said: unknown[] = Array.isArray(message.notes) ? message.notes : []
    const notes = said.filter(isNote)
    const received = {
      from: message.from,
      snapshots: message.changes.map(fromWire),
      notes,
      strangeNotes: said.length - notes.length,
    }
    // Meant for an earlier incarnation of this node: news all the same, but not of this count.
    if (message.to !== this.#to) return received
    const missed = this.#count(message.from, message.seq)
    return missed === undefined ? received : { ...received, missed }
  }

  /** This node was deaf for a while and says so itself: whatever numbers come next are no news of a loss. */
  forgive(): void {
    for (const sender of this.#senders.values()) sender.next = undefined
  }

  #count(from: Holder, seq: number): string | undefined {
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
