/**
 * The envelope of messages between nodes: the sender, the message's number, and notes, each a kind and a body. The
 * table of notes says what a body means.
 *
 * There are two forms, both msgpack. Each begins with the version that a reader must know; see docs/node-protocol.md.
 *
 *     1   map    v, from, to, seq, changes, notes (absent = none). Of a node, numbered
 *     2   array  2, by, records. Of the script that records changes, not numbered
 */
import { Packr } from 'msgpackr'
import type { Holder } from '../../rules/types.js'
import { MESSAGE_BYTES_MAX } from './bounds.js'
import { isNumber, isText } from './shapes.js'

/** A message of a greater version is not understood. */
export const VERSION_MAX = 2

/** One note on its way. `body` is plain data; that of kinds without a place of their own is a map that names its kind. */
export interface Part {
  kind: string
  body: unknown
}

/** From 1 on, counted by the sender for each receiver. Both are incarnations: one that starts anew counts anew. */
export interface Numbering {
  to: Holder
  seq: number
}

export interface Envelope {
  from: Holder
  /** Absent = the message does not count. */
  numbering?: Numbering
  parts: Part[]
}

interface MapForm {
  v: 1
  from: Holder
  to: Holder
  seq: number
  /** The body of `changes`. */
  changes: unknown[]
  /** The bodies of all other notes. */
  notes?: unknown[]
}

/** Kinds with a place of their own: a list of notes cannot bring them. */
const PLACED: ReadonlySet<string> = new Set(['changes', 'records'])

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

/** In form 1. At most one part is of the kind `changes`. */
export function packEnvelope(from: Holder, { to, seq }: Numbering, parts: readonly Part[]): Buffer {
  const message: MapForm = { v: 1, from, to, seq, changes: [] }
  const notes: unknown[] = []
  for (const { kind, body } of parts) {
    if (kind === 'changes') message.changes = body as unknown[]
    else notes.push(body)
  }
  if (notes.length > 0) message.notes = notes
  return packr.pack(message)
}

/** A number instead of an envelope is the version of a message that is not understood. Throws an Error for no message. */
export function unpackEnvelope(payload: Buffer): Envelope | number {
  if (payload.length > MESSAGE_BYTES_MAX) throw new Error(`A message of ${payload.length} bytes.`)
  const message: unknown = packr.unpack(payload)
  if (Array.isArray(message)) return unpackArray(message)
  const { v, from, to, seq, changes, notes } = (message ?? {}) as Partial<Record<keyof MapForm, unknown>>
  if (isLaterVersion(v)) return v
  if (v !== 1 || !isText(from) || !isNumber(seq) || !Array.isArray(changes))
    throw new Error('Not a message of version 1.')
  const parts: Part[] = Array.isArray(notes) ? notes.map((body) => ({ kind: kindOf(body), body })) : []
  if (changes.length > 0) parts.push({ kind: 'changes', body: changes })
  return { from, numbering: { to: to as Holder, seq }, parts }
}

function unpackArray([version, by, records]: unknown[]): Envelope | number {
  if (isLaterVersion(version)) return version
  if (version !== 2 || !isText(by) || !Array.isArray(records)) throw new Error('Not a message of version 2.')
  return { from: by, parts: [{ kind: 'records', body: records }] }
}

function isLaterVersion(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > VERSION_MAX
}

function kindOf(body: unknown): string {
  const kind = (body as { kind?: unknown } | null | undefined)?.kind
  return isText(kind) && !PLACED.has(kind) ? kind : ''
}
