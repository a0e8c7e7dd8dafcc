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
  says: 'The io threads have the messages of these `deliver` notes.',
  way: 'message-sync → message-sync of the node that stored them',
  since: 1,
  isIdempotent: true,
  ifLost: 'the sender repeats `deliver`, and it is confirmed again',
  shape: record({ from: holder, ids: list(number(), LIST_MAX) }),
})
