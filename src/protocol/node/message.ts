/** The one decoder of messages between nodes: the envelope, and in it each note by its row of the table. */
import type { Holder } from '../../rules/types.js'
import { type Numbering, unpackEnvelope } from './envelope.js'
import { type AnyNote, noteKindOf } from './notes.js'

const KIND_CHARACTERS_MAX = 32

export interface Message {
  from: Holder
  /** Absent = the message does not count. */
  numbering?: Numbering
  notes: AnyNote[]
  /** Why notes were left out, one text for each: of a kind that this release does not know, or malformed. */
  leftOut: string[]
}

/**
 * A number instead of a message is the version of one that this release does not understand. Throws an Error for what
 * is no message, and for one that counts as lost since what it brings is malformed.
 */
export function decodeMessage(payload: Buffer): Message | number {
  const envelope = unpackEnvelope(payload)
  if (typeof envelope === 'number') return envelope
  const { from, numbering, parts } = envelope
  const notes: AnyNote[] = []
  const leftOut: string[] = []
  for (const { kind, body } of parts) {
    const row = noteKindOf(kind)
    if (row === undefined) leftOut.push(`unknown kind ${JSON.stringify(kind.slice(0, KIND_CHARACTERS_MAX))}`)
    else
      try {
        notes.push(row.decode(body))
      } catch (error) {
        if (row.ifMalformed === 'lost') throw error
        leftOut.push(`malformed ${kind}`)
      }
  }
  return numbering === undefined ? { from, notes, leftOut } : { from, numbering, notes, leftOut }
}
