/** Settings of operations, for tests that ask for no others. */
import type { OperationSettings } from '../../src/services/operations/operation.js'

export const SETTINGS: OperationSettings = {
  revokeLimitS: 0,
  deleteForAll: 'anyone',
  friendPolicy: 'ask',
  groupMembersMax: 1_000,
  newMemberHistory: 'all',
}
