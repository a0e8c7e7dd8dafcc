import type { Registry } from '../../rules/cluster/membership.js'
import { LIST_MAX } from './bounds.js'
import { holder } from './fields.js'
import { noteKind } from './note-kind.js'
import { list, means, number, record } from './shapes.js'

/** Nodes are dead: their watchers need not wait until the receiver learns it with its next renewal. */
export interface Died {
  kind: 'died'
  dead: Registry['dead']
}

const death = record<Registry['dead'][number]>({
  holder,
  inMs: means(number(), 'from when on its claims do not count, from now; 0 = already'),
})

export const died = noteKind<Died>({
  says: 'These nodes are dead.',
  way: 'node that learned it with the renewal of its lease → every other living node',
  since: 1,
  isIdempotent: true,
  ifLost: 'the receiver learns it with the next renewal of its own lease',
  shape: record({ dead: list(death, LIST_MAX) }),
})
