/** What a client of the crowd sends to watch others. */
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type { UserId } from '../../src/rules/types.js'

const json = frameEncoding('js', false)

/** The payload of a binary frame, in the encoding of clients that are greeted with text. */
export function subscribeFrame(userId: UserId, watched: readonly UserId[]): Uint8Array {
  const data = SubUserOnlineStatus.encode({
    subscribeUserID: [...watched],
    unsubscribeUserID: [],
  }).finish()
  return json.encodeRequest({
    reqIdentifier: RequestId.SubscribeStatus,
    token: '',
    sendID: userId,
    operationID: 'bench',
    msgIncr: '1',
    data,
  })
}
