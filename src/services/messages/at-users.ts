/** The members that a message to a group names. */
import type { MsgData } from '../../openim/proto/messages.js'
import type { AtUsers } from '../../rules/messages/types.js'

/** Clients name all members by this. */
const AT_ALL = 'AtAllTag'

export function atUsersOf({ atUserIDList, sendID }: Pick<MsgData, 'atUserIDList' | 'sendID'>): AtUsers {
  const named = new Set(atUserIDList)
  const isAll = named.delete(AT_ALL)
  named.delete(sendID)
  return { isAll, userIds: [...named] }
}
