/** Peers that are Node servers with a Redis beside them and check a JWT. */
import { startRedis } from '../../../test/support/redis.js'
import type { Scope } from '../../support/scope.js'
import { peerModule } from '../installed.js'
import type { RunningPeer } from '../peer.js'
import { startNodeServer } from './node-server.js'
import { PEER_SECRET, signTokens } from './tokens.js'

export async function startOnRedis(scope: Scope, module: string, nodes: number): Promise<RunningPeer> {
  const redis = await startRedis()
  scope.defer(() => redis.stop())
  const settings = { REDIS_URL: redis.url, AUTH_SECRET: PEER_SECRET }
  const servers = await Promise.all(
    Array.from({ length: nodes }, () => startNodeServer(scope, peerModule(module), settings)),
  )
  return {
    ports: servers.map(({ port }) => port),
    pids: servers.map(({ pid }) => pid),
    storePid: redis.pid,
    async enroll(people) {
      const tokens = await signTokens(people.map(({ userId }) => userId))
      return people.map((person, n) => ({ ...person, secret: tokens[n]! }))
    },
  }
}
