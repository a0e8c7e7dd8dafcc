/** The database of two nodes goes away while all send. */
import { TcpLine } from '../../openim-sdk/tcp-line.js'
import {
  MARIADB_MISSING,
  type MariadbServer,
  mysqlUrlOf,
  startMariadb,
} from '../../support/mariadb-server.js'
import { startRedis, until } from '../../support/redis.js'
import { openTwo } from './node-storms.js'
import { PresenceProbe } from './presence-probe.js'
import type { Scene } from './scene.js'
import type { MessageStorm } from './storms.js'

/** DatabaseError. */
const REFUSAL = 90_002
/** A statement is given up after 5 s. */
const REFUSED_WITHIN_MS = 15_000

interface Fault {
  begin(mariadb: MariadbServer, line: TcpLine): Promise<void> | void
  end(mariadb: MariadbServer, line: TcpLine): Promise<void> | void
}

const storm = (name: string, what: string, fault: Fault): MessageStorm => ({
  name,
  what,
  missing: () => MARIADB_MISSING,
  refusals: [REFUSAL],
  async run(scene) {
    const [redis, mariadb] = await Promise.all([startRedis(), startMariadb()])
    scene.teardown(() => Promise.all([redis.stop(), mariadb.stop()]))
    const line = await TcpLine.to(scene, mariadb.address)
    await openTwo(scene, redis.url, mysqlUrlOf({ ...mariadb.address, port: line.port }))
    const probe = await PresenceProbe.at(scene, scene.node('north'), scene.node('east'))
    await scene.beginLoad()
    for (let round = 0; round < scene.settings.rounds; round++) {
      await scene.underLoad()
      await scene.fault(async () => {
        await fault.begin(mariadb, line)
        await refuses(scene, () => probe.walk())
        await fault.end(mariadb, line)
      })
      scene.settings.say(`round ${round + 1}: sends are answered again`)
    }
    return []
  },
})

/** Sends are refused, both nodes say why, and presence goes on. */
async function refuses(scene: Scene, presence: () => Promise<void>): Promise<void> {
  const { refusals } = scene.ledger
  const before = refusals.get(REFUSAL) ?? 0
  await until('sends are refused', () => (refusals.get(REFUSAL) ?? 0) > before, REFUSED_WITHIN_MS)
  for (const nodeId of ['north', 'east']) {
    const saysSo = async () => databaseFaults(await readiness(scene, nodeId)).length > 0
    await until(`/readyz of ${nodeId} says that the database is away`, saysSo, REFUSED_WITHIN_MS)
  }
  await presence()
}

interface Part {
  name: string
  missing?: string
}

export async function readiness(scene: Scene, nodeId: string): Promise<Part[]> {
  const response = await fetch(`${scene.node(nodeId).apiUrl}/readyz`)
  return ((await response.json()) as { parts: Part[] }).parts
}

export function databaseFaults(parts: readonly Part[]): Part[] {
  return parts.filter(({ name, missing }) => name.startsWith('database') && missing !== undefined)
}

export const databaseStorms = [
  storm('db-kill', 'the MariaDB of two nodes is killed (SIGKILL) and started again', {
    begin: (mariadb) => mariadb.kill(),
    end: (mariadb) => mariadb.restart(),
  }),
  storm('db-restart', 'the same, stopped as operators do (SIGTERM)', {
    begin: (mariadb) => mariadb.shutDown(),
    end: (mariadb) => mariadb.restart(),
  }),
  storm('db-hang', 'the MariaDB of two nodes hangs (SIGSTOP) until sends are refused, and goes on', {
    begin: (mariadb) => mariadb.freeze(),
    end: (mariadb) => mariadb.thaw(),
  }),
  storm('db-cut', 'the lines to the MariaDB of two nodes are cut, and stay down for a while', {
    begin: (_, line) => line.goDown(),
    end: (_, line) => line.comeUp(),
  }),
]
