/** The versioned list of joined groups: there are none yet. */
import type { GetIncrementalJoinGroupReq } from '../../openim/proto/people.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { assertSelf, operation } from '../operations/operation.js'
import { changesSince, headOf, List } from './version-log.js'

export const incrementalGroups = operation(
  'reader',
  function* ({ caller }, { userID, version, versionID }: GetIncrementalJoinGroupReq): Operation<object> {
    assertSelf(caller, userID)
    const changes = yield* changesSince(List.JoinedGroups, userID, { version, versionId: versionID })
    const head = { version: changes.version, versionID: changes.versionId, sortVersion: 0 }
    if (changes.isFull) return { ...head, full: true, delete: null, insert: null, update: null }
    return { ...head, full: false, delete: changes.deleted, insert: [], update: [] }
  },
)

export const groupIds = operation(
  'reader',
  function* ({ caller }, { userID, idHash }: { userID: UserId; idHash: number }): Operation<object> {
    assertSelf(caller, userID)
    const { version, versionId } = yield* headOf(List.JoinedGroups, userID)
    return { version, versionID: versionId, equal: idHash === 0, groupIDs: null }
  },
)
