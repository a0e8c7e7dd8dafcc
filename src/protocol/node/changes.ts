/**
 * Changes as nodes tell them: the hot path, thousands a second. Each crosses as a plain array, which any language
 * reads, and is checked by hand while it is decoded: a check by zod alone takes longer than that.
 */
import type { Snapshot } from '../../rules/types.js'
import { LIST_MAX } from './bounds.js'
import { userId } from './fields.js'
import type { NoteKind } from './note-kind.js'
import { field, listText } from './shapes.js'
import { changeList, checkedSnapshot } from './snapshots.js'

/** Records that changed, each as a whole. */
export interface Changes {
  kind: 'changes'
  snapshots: Snapshot[]
}

/** One change as it crosses. `isPartial`: absent = no; see `Snapshot`. */
export type WireChange = [
  userId: string,
  version: number,
  claims: [platformId: number, holder: string][],
  foreign: number[],
  isPartial?: 1,
]

export const changes: NoteKind<Changes> = {
  says: 'The records of these users changed. Each comes as a whole.',
  way: 'sync, after the store of a Cluster recorded the changes → nodes that watch the users',
  since: 1,
  isIdempotent: true,
  ifLost:
    'the gap in the numbers makes the receiver read again what it watches; without a later message, the next renewal of its watches does',
  ifMalformed: 'lost',
  fields: [
    field('[]', listText(LIST_MAX, 'array'), 'one change'),
    field('[][0]', userId.text, 'user ID'),
    field('[][1]', 'number', 'version of the record (µs)'),
    field('[][2]', 'list of pairs: number, text', 'claims: platform, holder'),
    field('[][3]', 'list of numbers', "platforms on OpenIM's own gateways"),
    field('[][4]', '1', 'the record is partial', true),
  ],
  decode: (body) => ({ kind: 'changes', snapshots: (changeList(body, 1) as WireChange[]).map(fromWire) }),
}

export function encodeChange({ userId, version, claims, foreign, isPartial }: Snapshot): WireChange {
  const held = claims.map((c): WireChange[2][number] => [c.platformId, c.holder])
  return isPartial ? [userId, version, held, foreign, 1] : [userId, version, held, foreign]
}

function fromWire([userId, version, claims, foreign, isPartial]: WireChange): Snapshot {
  const snapshot: Snapshot = {
    userId,
    version,
    claims: claims.map(([platformId, holder]) => ({ platformId, holder })),
    foreign,
  }
  if (isPartial) snapshot.isPartial = true
  return checkedSnapshot(snapshot)
}
