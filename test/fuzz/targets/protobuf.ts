/** The messages of requests 2003 to 2005. */
import assert from 'node:assert/strict'
import { countFields } from '../../../src/openim/codec/protobuf-fields.js'
import {
  DelUserPushTokenReq,
  SetAppBackgroundStatusReq,
  SubUserOnlineStatus,
  SubUserOnlineStatusTips,
} from '../../../src/openim/proto/openim.js'
import { INPUT_BYTES_MAX, type Run, type Target } from '../engine/target.js'

interface Message<T> {
  encode(message: T): { finish(): Uint8Array }
  decode(bytes: Uint8Array): T
}

/** The first byte chooses. */
const MESSAGES: readonly Message<unknown>[] = [
  SubUserOnlineStatus,
  SetAppBackgroundStatusReq,
  DelUserPushTokenReq,
  SubUserOnlineStatusTips,
] as readonly Message<unknown>[]

export const target: Target = {
  name: 'protobuf',
  what: 'messages of 2003, 2004 and 2005: read, or an Error; what was read is read the same again',
  bytesMax: INPUT_BYTES_MAX,
  // The dearest are unknown fields of two bytes: read, written, read again and counted, they cost 16 steps each.
  steps: { base: 2_000, perByte: 9 },
  seeds: () =>
    [
      SubUserOnlineStatus.encode({ subscribeUserID: ['ann', 'bob'], unsubscribeUserID: ['', 'ä'] }),
      SetAppBackgroundStatusReq.encode({ userID: 'ann', isBackground: true }),
      DelUserPushTokenReq.encode({ userID: 'ann', platformID: -5 }),
      SubUserOnlineStatusTips.encode({ subscribers: [{ userID: 'ann', onlinePlatformIDs: [1, 5] }] }),
    ].map((message, at) => Buffer.concat([Uint8Array.of(at), message.finish()])),
  open: (): Run => (input) => {
    const message = MESSAGES[(input[0] ?? 0) % MESSAGES.length]!
    let read: unknown
    try {
      read = message.decode(input.subarray(1))
    } catch (error) {
      assert.ok(error instanceof Error)
      return
    }
    assert.deepEqual(message.decode(message.encode(read).finish()), read)
    if (message === MESSAGES[0]) isCounted(input.subarray(1), read as SubUserOnlineStatus)
  },
}

/** Before it is decoded, a watch list is counted: never for fewer than it has. */
function isCounted(bytes: Uint8Array, { subscribeUserID, unsubscribeUserID }: SubUserOnlineStatus): void {
  const counts = countFields(bytes, bytes.length)
  if (counts === undefined) return
  const [, subscribed, unsubscribed] = counts
  assert.ok(subscribeUserID.length <= subscribed && unsubscribeUserID.length <= unsubscribed, String(counts))
}
