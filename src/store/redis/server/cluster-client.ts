/** The client of a Cluster, extended for addresses that are not announced and slots that no master serves. */
import { Cluster, type ClusterOptions, type Redis } from 'ioredis'
import { type Endpoint, endpointText } from '../../../net/redis-url.js'
import type { Access } from './access.js'
import { redirectedTo, type SlotRange, unservedSlots, withHosts } from './announced-addresses.js'

type Callback<T> = (error: Error | null | undefined, result?: T) => void

/** Not connected yet. `options`: beside what is decided here. */
export function clusterClient(
  nodes: readonly Endpoint[],
  { reachedAt, server }: Access,
  { redisOptions, ...options }: ClusterOptions,
): Cluster {
  const endpointOf = (node: Redis): Endpoint => ({ host: node.options.host!, port: node.options.port! })
  const cluster: Cluster = new Cluster(
    nodes.map((node) => ({ ...node })),
    {
      ...options,
      redisOptions: { ...redisOptions, ...server },
      lazyConnect: true,
      enableOfflineQueue: false,
      // Each connection resolves its own name: one that cannot be resolved costs that server alone, names are resolved
      // anew whenever somebody connects, and certificates are checked against them.
      dnsLookup: (name, callback) => callback(null, name),
      natMap: (announced) => {
        const reached = reachedAt(announced) ?? redirectedTo(announced, cluster.nodes().map(endpointOf))
        if (reached === undefined) return null
        renameOwner(cluster, announced, endpointText(reached))
        return reached
      },
      // The caller reads the table again and knows which users are concerned.
      retryDelayOnClusterDown: 0,
    },
  )
  cluster.on('+node', (node: Redis) => {
    readTableThrough(cluster, node)
    ignoreFailedAsking(node)
  })
  return cluster
}

/** At a redirection the client enters the announced address into its table, under which it knows no connection. */
function renameOwner({ slots }: Cluster, announced: string, reached: string): void {
  for (const owners of slots) if (owners?.[0] === announced) owners[0] = reached
}

/** The client reads the slot table on a duplicate of a node's connection: its answer is completed there. */
function readTableThrough(cluster: Cluster, node: Redis): void {
  const duplicate = node.duplicate.bind(node)
  node.duplicate = (override) => {
    const reader = duplicate(override)
    const ask = reader.cluster.bind(reader) as (
      subcommand: string,
      callback: Callback<SlotRange[]>,
    ) => unknown
    let reason: Error | undefined
    reader.on('error', (error: Error) => {
      reason = error
    })
    const askMended = (subcommand: string, callback: Callback<SlotRange[]>) =>
      ask(subcommand, (error, ranges) => {
        // That a connection was closed says less than why it was.
        if (error || !ranges) return callback(reason ?? error)
        // Of a server that has forgotten its Cluster: others know more.
        if (ranges.length === 0)
          return callback(new Error(`${node.options.host}:${node.options.port} knows no slots`))
        for (const slot of unservedSlots(ranges)) delete cluster.slots[slot]
        callback(null, withHosts(ranges, node.options.host!))
      })
    reader.cluster = askMended as typeof reader.cluster
    return reader
  }
}

/** The command after ASKING fails too, and is handled. A rejection of ASKING itself would be unhandled. */
function ignoreFailedAsking(node: Redis): void {
  const asking = node.asking.bind(node)
  node.asking = () => {
    const asked = asking()
    asked.catch(() => {})
    return asked
  }
}
