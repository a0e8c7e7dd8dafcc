import { missingPackages, packageVersion } from '../installed.js'
import type { Peer } from '../peer.js'
import { startOnRedis } from './on-redis.js'

/** One node: several need the broker and state services of SocketCluster beside them. */
export const socketCluster: Peer = {
  key: 'socketcluster',
  name: 'SocketCluster',
  dialect: 'socketcluster',
  nodesMax: 1,
  isToBeLed: false,
  missing: () => missingPackages('socketcluster-server', 'ioredis'),
  version: () => packageVersion('socketcluster-server'),
  start: (scope, nodes) => startOnRedis(scope, 'servers/socketcluster-server.mjs', nodes),
}
