/** A Galera cluster of three MariaDB servers on the loopback address. GALERA names another library than Debian's. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { removeFolder, temporaryFolder } from './leftovers.js'
import { MARIADB_MISSING, type MariadbServer, NEW_DATABASE, startMariadb } from './mariadb-server.js'
import type { Teardown } from './node.js'
import { until } from './redis.js'

const LIBRARIES = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib/libgalera_smm.so']
const LIBRARY = [process.env.GALERA, ...LIBRARIES].find((path) => path && existsSync(path))
const SERVERS = 3
const JOINED_WITHIN_MS = 60_000

/**
 * How a server that joins gets its state, as Galera's own programs do it, on one machine: the one that gives copies its
 * files into the folder of the other while it changes no table.
 */
const TRANSFER = 'copy'
const TRANSFER_PROGRAM = `#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --role) role=$2 ;;
    --address) address=$2 ;;
    --gtid) state=$2 ;;
    --datadir) data=$2 ;;
  esac
  shift
done
if [ "$role" = donor ]; then
  echo 'flush tables'
  while [ ! -f "$data/tables_flushed" ]; do sleep 0.1; done
  for file in "$data"/*; do
    name=$(basename "$file")
    case "$name" in
      galera.cache | grastate.dat | gvwstate.dat | tables_flushed | *sst*) continue ;;
    esac
    rm -rf "$address/$name"
    cp -R "$file" "$address/$name"
  done
  rm -f "$data/tables_flushed"
  echo continue
  echo "$state" > "$address/state.new" && mv "$address/state.new" "$address/state"
  echo "done $state"
else
  echo "ready $data"
  while [ ! -f "$data/state" ]; do sleep 0.1; done
  cat "$data/state"
  rm "$data/state"
fi
`

/** Why these tests cannot be run, in a line; undefined = they can. */
export const GALERA_MISSING: string | undefined =
  LIBRARY === undefined
    ? 'needed: libgalera_smm.so (on Debian: apt-get install galera-4), or GALERA with its path'
    : MARIADB_MISSING

/** Resolves when all three are one cluster, with the database and its user. The first has begun it. */
export async function startGalera(test: Teardown): Promise<MariadbServer[]> {
  const ports = (await freePorts('127.0.0.1', 2 * SERVERS)) as number[]
  const address = `gcomm://${ports
    .slice(0, SERVERS)
    .map((port) => `127.0.0.1:${port}`)
    .join()}`
  const programs = temporaryFolder('galera')
  test.teardown(() => removeFolder(programs))
  writeFileSync(join(programs, `wsrep_sst_${TRANSFER}`), TRANSFER_PROGRAM, { mode: 0o755 })
  chmodSync(programs, 0o755)
  const servers: MariadbServer[] = []
  for (let index = 0; index < SERVERS; index++) {
    const isFirst = index === 0
    const listen = `gmcast.listen_addr=tcp://127.0.0.1:${ports[index]}`
    const receive = `ist.recv_addr=127.0.0.1:${ports[SERVERS + index]}`
    const server = await startMariadb({
      isEmpty: true,
      programs,
      args: [
        '--wsrep-on=ON',
        `--wsrep-provider=${LIBRARY}`,
        `--wsrep-provider-options=${listen};${receive};gcache.size=32M`,
        `--wsrep-cluster-address=${isFirst ? 'gcomm://' : address}`,
        '--wsrep-node-address=127.0.0.1',
        `--wsrep-sst-method=${TRANSFER}`,
        '--binlog-format=ROW',
        '--innodb-autoinc-lock-mode=2',
      ],
    })
    servers.push(server)
    test.teardown(() => server.stop())
    await until(`${index + 1} servers are one cluster`, () => isOneOf(server, index + 1), JOINED_WITHIN_MS)
  }
  await servers[0]!.query(...NEW_DATABASE)
  return servers
}

/** This server serves, in a cluster of so many. */
export async function isOneOf(server: MariadbServer, count: number): Promise<boolean> {
  const rows = await server.query("SHOW STATUS LIKE 'wsrep\\_%'")
  const status = new Map(rows.map((row) => [row.Variable_name, row.Value]))
  return status.get('wsrep_ready') === 'ON' && status.get('wsrep_cluster_size') === String(count)
}
