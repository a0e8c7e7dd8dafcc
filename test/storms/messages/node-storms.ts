/** Nodes are killed with SIGKILL while all send. */
import { MARIADB_MISSING, mysqlUrlOf, startMariadb } from '../../support/mariadb-server.js'
import { startRedis } from '../../support/redis.js'
import type { Scene } from './scene.js'
import type { MessageStorm } from './storms.js'

/** The only node, with what it has in DATA_DIR. */
const killNode: MessageStorm = {
  name: 'kill-sqlite',
  what: 'the only node is killed at full load, again and again, and started with its files',
  refusals: [],
  async run(scene) {
    await scene.open('north', {})
    await scene.beginLoad()
    await killInTurn(scene, ['north'])
    return []
  },
}

const killOneOfTwo: MessageStorm = {
  name: 'kill-nodes',
  what: 'one of two nodes on a Redis and a MariaDB is killed at full load, in turn',
  missing: () => MARIADB_MISSING,
  refusals: [],
  async run(scene) {
    const [redis, mariadb] = await Promise.all([startRedis(), startMariadb()])
    scene.teardown(() => Promise.all([redis.stop(), mariadb.stop()]))
    await openTwo(scene, redis.url, mysqlUrlOf(mariadb.address))
    await scene.beginLoad()
    await killInTurn(scene, ['north', 'east'])
    return []
  },
}

export const nodeStorms = [killNode, killOneOfTwo]

export async function openTwo(scene: Scene, redisUrl: string, url: string): Promise<void> {
  const env = { REDIS_URL: redisUrl, DATABASE_URL: url }
  await Promise.all(['north', 'east'].map((nodeId) => scene.open(nodeId, env)))
}

async function killInTurn(scene: Scene, nodeIds: readonly string[]): Promise<void> {
  const { rounds, say } = scene.settings
  for (let round = 0; round < rounds; round++) {
    const nodeId = nodeIds[round % nodeIds.length]!
    await scene.underLoad()
    const { answered } = scene.ledger
    await scene.fault(async () => {
      await scene.kill(nodeId)
      await scene.open(nodeId)
    })
    say(`round ${round + 1}: ${nodeId} was killed after ${answered} answers`)
  }
}
