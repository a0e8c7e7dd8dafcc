/** The writing server of a Galera cluster dies while all send, and another takes its place. */
import { TcpLine } from '../../openim-sdk/tcp-line.js'
import { GALERA_MISSING, isOneOf, startGalera } from '../../support/galera.js'
import { mysqlUrlOf } from '../../support/mariadb-server.js'
import { startRedis, until } from '../../support/redis.js'
import { openTwo } from './node-storms.js'
import type { MessageStorm } from './storms.js'

const WHOLE_WITHIN_MS = 30_000

export const galeraKill: MessageStorm = {
  name: 'galera-kill',
  what: 'of three Galera servers the one that writes is killed; the proxy leads to another',
  missing: () => GALERA_MISSING,
  // DatabaseError, until the two that are left agree that they are the cluster.
  refusals: [90_002],
  async run(scene) {
    const redis = await startRedis()
    scene.teardown(() => redis.stop())
    const [writer, next] = await startGalera(scene)
    const line = await TcpLine.to(scene, writer!.address)
    await openTwo(scene, redis.url, mysqlUrlOf({ ...writer!.address, port: line.port }))
    await scene.beginLoad()
    await scene.underLoad()
    await scene.fault(async () => {
      await writer!.kill()
      line.leadTo(next!.address)
    })
    await until('the two are a cluster', () => isOneOf(next!, 2), WHOLE_WITHIN_MS)
    await scene.underLoad()
    return []
  },
}
