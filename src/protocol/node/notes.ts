/**
 * Everything that one node tells another: one row a kind, one file a row. A new kind is a file, a row, and the handler
 * of its receiver; docs/node-protocol.md shows the table and says how to add one.
 */
import { type Changes, changes } from './changes.js'
import { type Died, died } from './died.js'
import { type Evict, evict } from './evict.js'
import { type Evicted, evicted } from './evicted.js'
import { type Holding, holding } from './holding.js'
import type { NoteKind } from './note-kind.js'
import { records } from './records.js'
import { type Remind, remind } from './remind.js'
import { type Withdraw, withdraw } from './withdraw.js'

export const NOTE_KINDS = { changes, records, evict, evicted, remind, holding, died, withdraw }

/**
 * A note of any kind but changes, which go to a handler of their own. It arrives at most once: a sender that needs an
 * answer sends it again.
 */
export type Note = Evict | Evicted | Remind | Holding | Died | Withdraw

/** What a message brings. */
export type AnyNote = Changes | Note

const byKind = new Map<string, NoteKind<AnyNote>>(Object.entries(NOTE_KINDS))

/** Undefined = this release does not know the kind. */
export function noteKindOf(kind: string): NoteKind<AnyNote> | undefined {
  return byKind.get(kind)
}
