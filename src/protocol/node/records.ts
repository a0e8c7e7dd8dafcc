/** Changes as the script tells them that recorded them (assert-presence-n.lua), in the same step: as Redis has them. */
import { type StoredClaims, snapshotOf } from '../../rules/presence/stored-record.js'
import type { Snapshot } from '../../rules/types.js'
import { LIST_MAX } from './bounds.js'
import type { Changes } from './changes.js'
import { userId } from './fields.js'
import type { NoteKind } from './note-kind.js'
import { field, isNumber, isText, listText } from './shapes.js'
import { changeList, checkedSnapshot } from './snapshots.js'

/** Elements for each change: user, claims, union. */
const WIDTH = 3

export const records: NoteKind<Changes> = {
  says: 'The same as `changes`, flat: for each user its ID, the stored claims with their scores, the stored union.',
  way: 'the script that recorded the changes on one server → nodes that watch the users',
  since: 2,
  isIdempotent: true,
  ifLost: 'it is lost only with the subscription, which the receiver notices: it reads again what it watches',
  ifMalformed: 'lost',
  fields: [
    field('[]', listText(LIST_MAX * WIDTH, 'three for each change')),
    field('[3i]', userId.text, 'user ID'),
    field(
      '[3i + 1]',
      'list of texts and numbers',
      'stored claims: `platform@holder`, expiry (s), ..., `v`, version, `p`, expiry (s)',
    ),
    field('[3i + 2]', 'list of texts', "platforms of OpenIM's union"),
  ],
  decode: (body) => {
    const list = changeList(body, WIDTH)
    const snapshots: Snapshot[] = []
    for (let i = 0; i < list.length; i += WIDTH) {
      const [userId, claims, union] = list.slice(i, i + WIDTH)
      if (!isFlat(claims) || !isFlat(union)) throw new Error('Not a change.')
      snapshots.push(checkedSnapshot(snapshotOf(userId as string, claims, union)))
    }
    return { kind: 'changes', snapshots }
  },
}

/** Before they are made into texts: the text of a list in a list in a list costs the square of its bytes. */
function isFlat(value: unknown): value is StoredClaims {
  return Array.isArray(value) && value.every((one) => isText(one) || isNumber(one))
}
