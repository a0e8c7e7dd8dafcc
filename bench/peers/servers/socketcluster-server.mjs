// A presence application on SocketCluster: its own token check, a channel for each watched user, claims in Redis.
import { createServer } from 'node:http'
import { attach } from 'socketcluster-server'
import { Claims } from './claims.mjs'

/** Socket.IO's; the default of 8 s would be three times the pings of the others. */
const PING_INTERVAL_MS = 25_000
const PING_TIMEOUT_MS = 60_000

const { REDIS_URL, AUTH_SECRET } = process.env
const claims = new Claims(REDIS_URL)
const server = createServer()
const cluster = attach(server, {
  authKey: AUTH_SECRET,
  authVerifyAlgorithms: ['HS256'],
  allowClientPublish: false,
  pingInterval: PING_INTERVAL_MS,
  pingTimeout: PING_TIMEOUT_MS,
})

function say(userId, isOnline) {
  cluster.exchange.transmitPublish(`watch/${userId}`, { userId, isOnline })
}

/** Clients subscribe to the channels first, so that no change falls between. */
async function answerStatus(socket) {
  for await (const request of socket.procedure('status')) {
    request.end(await claims.onlineOf(request.data))
  }
}

async function welcome() {
  for await (const { socket } of cluster.listener('connection')) {
    if (socket.authState !== socket.AUTHENTICATED) {
      socket.disconnect()
      continue
    }
    const userId = socket.authToken.sub
    void answerStatus(socket)
    void claims.add(userId, socket.id).then((isNew) => isNew && say(userId, true))
  }
}

async function takeLeave() {
  for await (const { socket } of cluster.listener('disconnection')) {
    const userId = socket.authToken?.sub
    if (userId === undefined) continue
    void claims.remove(userId, socket.id).then((isLast) => isLast && say(userId, false))
  }
}

void welcome()
void takeLeave()
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('disconnect', () => process.exit(0))
