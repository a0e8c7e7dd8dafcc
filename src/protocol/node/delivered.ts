import type { Holder } from '../../rules/types.js'
import { LIST_MAX } from './bounds.js'
import { holder } from './fields.js'
import { noteKind } from './note-kind.js'
import { list, number, record } from './shapes.js'

/** Confirms `deliver`: the io threads have the messages. */
export interface Delivered {
  kind: 'delivered'
  from: Holder
  ids: number[]
}

export const delivered = noteKind<Delivered>({
  says: 'The messages of these notes have reached the io threads.',
  way: 'message-sync → message-sync of the node that stored them',
  since: 1,
  isIdempotent: true,
  ifLost: '`deliver` is told again, and confirmed again',
  shape: record({ from: holder, ids: list(number(), LIST_MAX) }),
})
