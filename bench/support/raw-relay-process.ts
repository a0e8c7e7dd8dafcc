/** The relay itself; see raw-relay.ts. */

import type * as Uws from 'uWebSockets.js'
import { freePort } from '../../src/doors/websocket/transport/port-check.js'
import { asTheGateway, uws } from './uws.js'

interface UserData {
  own: number
  peer: number
}

const [greeting, reply, push] = process.argv.slice(2).map((text) => Buffer.from(text, 'base64'))
const sockets: Uws.WebSocket<UserData>[] = []
const app = uws.App()
app.ws<UserData>('/*', {
  ...asTheGateway,
  upgrade: (response, request, context) => {
    const [, own, peer] = request.getUrl().split('/')
    response.upgrade<UserData>(
      { own: Number(own), peer: Number(peer) },
      request.getHeader('sec-websocket-key'),
      '',
      '',
      context,
    )
  },
  open: (socket) => {
    sockets[socket.getUserData().own] = socket
    socket.send(greeting!, false)
  },
  message: (socket) => {
    socket.send(reply!, true)
    sockets[socket.getUserData().peer]!.send(push!, true)
    socket.send(push!, true)
  },
})
const port = await freePort('127.0.0.1')
app.listen('127.0.0.1', port, (listening) => {
  if (listening === false) throw new Error(`port ${port} was taken meanwhile`)
  process.send!(port)
})
// An App that is open when its thread ends aborts the process.
const end = () => {
  app.close()
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('disconnect', end)
