/** The versioned lists of friends and joined groups. */
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { assertSelf, operation } from '../operations/operation.js'
import { changesSince, headOf, List } from './version-log.js'

interface Known {
  userID: UserId
  version: number
  versionID: string
}

/** Nobody has friends, and there are no groups, so no element is ever loaded. */
function incremental(list: List) {
  return operation(
    'reader',
    function* ({ caller }, { userID, version, versionID }: Known): Operation<object> {
      assertSelf(caller, userID)
      const changes = yield* changesSince(list, userID, { version, versionId: versionID })
      const head = { version: changes.version, versionID: changes.versionId, sortVersion: 0 }
      if (changes.isFull) return { ...head, full: true, delete: null, insert: null, update: null }
      return { ...head, full: false, delete: changes.deleted, insert: [], update: [] }
    },
  )
}

function ids(list: List, field: string) {
  return operation('reader', function* ({ caller }, { userID, idHash }: { userID: UserId; idHash: number }) {
    assertSelf(caller, userID)
    const { version, versionId } = yield* headOf(list, userID)
    return { version, versionID: versionId, equal: idHash === 0, [field]: null }
  })
}

export const incrementalFriends = incremental(List.Friends)
export const incrementalGroups = incremental(List.JoinedGroups)
export const friendIds = ids(List.Friends, 'userIDs')
export const groupIds = ids(List.JoinedGroups, 'groupIDs')
