/** The floor: uWebSockets.js alone. It believes every name, and publishes who comes and goes. */
import { asTheGateway, uws } from '../../support/uws.js'
import { WATCHING, WELCOME } from '../clients/raw.js'

interface UserData {
  userId: string
}

const app = uws.App()
const online = new Set<string>()

const topicOf = (userId: string) => `watch:${userId}`
const said = (userId: string, isOnline: boolean) => JSON.stringify({ userId, isOnline })

app.ws<UserData>('/*', {
  ...asTheGateway,
  upgrade: (response, request, context) => {
    const userId = request.getUrl().slice(1)
    response.upgrade<UserData>({ userId }, request.getHeader('sec-websocket-key'), '', '', context)
  },
  open: (socket) => {
    const { userId } = socket.getUserData()
    online.add(userId)
    socket.send(WELCOME)
    app.publish(topicOf(userId), said(userId, true))
  },
  message: (socket, message) => {
    for (const userId of Buffer.from(message).toString().split(',')) {
      socket.subscribe(topicOf(userId))
      if (online.has(userId)) socket.send(said(userId, true))
    }
    socket.send(WATCHING)
  },
  close: (socket) => {
    const { userId } = socket.getUserData()
    online.delete(userId)
    app.publish(topicOf(userId), said(userId, false))
  },
})
app.listen('127.0.0.1', 0, (listening) => {
  if (listening === false) throw new Error('no port to listen on')
  process.send!({ port: uws.us_socket_local_port(listening) })
})
// An App that is open when its thread ends aborts the process.
const end = () => {
  app.close()
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('disconnect', end)
