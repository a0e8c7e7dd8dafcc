// A presence application on Socket.IO, as its documentation would have one written: a token is checked by a middleware,
// a room for each watched user, claims in Redis, and the Redis adapter between nodes.
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import jwt from 'jsonwebtoken'
import { Server } from 'socket.io'
import { Claims } from './claims.mjs'

const { REDIS_URL, AUTH_SECRET } = process.env
const claims = new Claims(REDIS_URL)
const server = createServer()
const io = new Server(server, {
  transports: ['websocket'],
  serveClient: false,
  adapter: createAdapter(claims.redis.duplicate(), claims.redis.duplicate()),
})

const roomOf = (userId) => `watch:${userId}`

io.use((socket, next) => {
  try {
    const { token } = socket.handshake.auth
    socket.data.userId = jwt.verify(token, AUTH_SECRET, { algorithms: ['HS256'] }).sub
    next()
  } catch (error) {
    next(error)
  }
})

io.on('connection', async (socket) => {
  const { userId } = socket.data
  const say = (isOnline) => io.to(roomOf(userId)).emit('presence', { userId, isOnline })
  socket.on('watch', async (userIds, answer) => {
    // First the rooms, so that no change falls between.
    socket.join(userIds.map(roomOf))
    answer(await claims.onlineOf(userIds))
  })
  socket.on('disconnect', async () => {
    if (await claims.remove(userId, socket.id)) say(false)
  })
  if (await claims.add(userId, socket.id)) say(true)
})

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('disconnect', () => process.exit(0))
