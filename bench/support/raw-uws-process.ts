/** A uWebSockets.js server without anything else; see raw-uws.ts. */

import { freePort } from '../../src/doors/websocket/transport/port-check.js'
import type { RawAnswer } from './raw-uws.js'
import { asTheGateway, uws } from './uws.js'

interface UserData {
  path: string
}

const TOPIC = 'star'

const [online, offline] = process.argv.slice(2).map((text) => Buffer.from(text, 'base64'))
const app = uws.App()
let connections = 0
app.ws<UserData>('/*', {
  ...asTheGateway,
  upgrade: (response, request, context) => {
    response.upgrade<UserData>(
      { path: request.getUrl() },
      request.getHeader('sec-websocket-key'),
      '',
      '',
      context,
    )
  },
  open: (socket) => {
    connections++
    const { path } = socket.getUserData()
    if (path === '/watch') socket.subscribe(TOPIC)
    if (path === '/star') app.publish(TOPIC, online!, true)
    if (path === '/greet') socket.send(online!, false)
  },
  close: (socket) => {
    connections--
    if (socket.getUserData().path === '/star') app.publish(TOPIC, offline!, true)
  },
})
const port = await freePort('127.0.0.1')
app.listen('127.0.0.1', port, (listening) => {
  if (listening === false) throw new Error(`port ${port} was taken meanwhile`)
  answer({ verb: 'listening', port })
})
process.on('message', () => {
  answer({ verb: 'stats', heapBytes: process.memoryUsage().heapUsed, connections })
})
// An App that is open when its thread ends aborts the process.
const end = () => {
  app.close()
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('disconnect', end)

function answer(message: RawAnswer): void {
  process.send!(message)
}
