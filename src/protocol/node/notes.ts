/**
 * Everything that one node tells another: one row a kind, one file a row. A new kind is a file, a row, and the handler
 * of its receiver; docs/node-protocol.md shows the table and says how to add one.
 */
import { type Changes, changes } from './changes.js'
import { deliver } from './deliver.js'
import { delivered } from './delivered.js'
import { died } from './died.js'
import { evict } from './evict.js'
import { evicted } from './evicted.js'
import { holding } from './holding.js'
import type { NoteKind } from './note-kind.js'
import { records } from './records.js'
import { remind } from './remind.js'
import { withdraw } from './withdraw.js'

export const NOTE_KINDS = {
  changes,
  records,
  evict,
  evicted,
  remind,
  holding,
  died,
  withdraw,
  deliver,
  delivered,
}

/** What a message brings. */
export type AnyNote = ReturnType<(typeof NOTE_KINDS)[keyof typeof NOTE_KINDS]['decode']>

/**
 * A note of any kind but changes, which go to a handler of their own. It arrives at most once: a sender that needs an
 * answer sends it again.
 */
export type Note = Exclude<AnyNote, Changes>

const byKind = new Map<string, NoteKind<AnyNote>>(Object.entries(NOTE_KINDS))

/** Undefined = this release does not know the kind. */
export function noteKindOf(kind: string): NoteKind<AnyNote> | undefined {
  return byKind.get(kind)
}
