import { missingPackages, packageVersion } from '../installed.js'
import type { Peer } from '../peer.js'
import { startOnRedis } from './on-redis.js'

export const socketIo: Peer = {
  key: 'socket-io',
  name: 'Socket.IO, Redis adapter',
  dialect: 'socket-io',
  nodesMax: 2,
  isToBeLed: true,
  missing: () => missingPackages('socket.io', '@socket.io/redis-adapter', 'ioredis', 'jsonwebtoken'),
  version: () => packageVersion('socket.io'),
  start: (scope, nodes) => startOnRedis(scope, 'servers/socket-io-server.mjs', nodes),
}
