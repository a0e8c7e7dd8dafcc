// Log in and watch one user: all there is to the protocol, without an SDK.
//
//   node demo/watch.mjs ws://localhost:10001 TOKEN USER WATCHED
//
// USER is the user of the token, with platformID 5. Prints a line for each change of WATCHED.
import { WebSocket } from 'ws'

const [url, token, sendID, watched] = process.argv.slice(2)
if (watched === undefined) throw new Error('usage: node demo/watch.mjs WS_URL TOKEN USER WATCHED')

const query = new URLSearchParams({
  sendID,
  token,
  platformID: '5',
  operationID: 'watch',
  sdkType: 'js',
  isMsgResp: 'true',
})
const socket = new WebSocket(`${url}/?${query}`)
// The gateway closes a connection that is silent for 30 s.
const pings = setInterval(() => socket.ping(), 20_000)
socket.on('close', () => clearInterval(pings))
socket.on('message', (frame, isBinary) => {
  const message = JSON.parse(frame.toString())
  if (message.errCode !== 0) throw new Error(`${message.errCode} ${message.errMsg} ${message.errDlt ?? ''}`)
  // The verdict on the login is a text frame; requests and their answers are binary.
  if (!isBinary) return watch()
  for (const [, element] of fields(Buffer.from(message.data, 'base64'))) {
    const [[, userID], [, platformIDs = []] = []] = fields(element)
    console.log(`${userID} is ${platformIDs.length > 0 ? `on platforms ${[...platformIDs]}` : 'offline'}`)
  }
})

/** Request 2005: SubUserOnlineStatus { repeated string subscribeUserID = 1; repeated string unsubscribeUserID = 2 } */
function watch() {
  const id = Buffer.from(watched)
  const data = Buffer.concat([Buffer.from([0x0a, id.length]), id]).toString('base64')
  socket.send(
    Buffer.from(JSON.stringify({ reqIdentifier: 2005, sendID, operationID: 'w', msgIncr: '1', data })),
  )
}

/**
 * The fields of a protobuf message, as [number, bytes]; enough for the answer:
 * SubUserOnlineStatusTips { repeated Elem subscribers = 1 }, Elem { string userID = 1; repeated int32 onlinePlatformIDs = 2 }
 */
function fields(bytes) {
  const found = []
  for (let at = 0; at < bytes.length; ) {
    const number = bytes[at++] >> 3
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const part = bytes[at++]
      length |= (part & 0x7f) << shift
      if (part < 0x80) break
    }
    found.push([number, bytes.subarray(at, at + length)])
    at += length
  }
  return found
}
