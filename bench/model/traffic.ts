/**
 * How many messages a cluster needs to tell its watchers of changes, from what is known of it. Pure functions; all
 * results are expected values, a second.
 *
 * Assumptions: every user is online with one connection, users are spread evenly over the nodes, and the users that a
 * user watches are on random nodes. Friends who meet on the same node would make it less.
 */

export interface Cluster {
  /** At least 1. */
  nodes: number
  /** Redis masters, at least 1. */
  masters: number
  /** Online in the whole cluster, one connection each. At least 2. */
  users: number
  /** Users that each user watches; so many watch them, on average. 0 to `users` - 1. */
  watches: number
  /** What of one user is told to watchers: they come, go, or have another device. Changes a second. */
  changesPerUser: number
  /** Slices of users on a node (PRESENCE_SHARDS). Each sends batches of its own. */
  shards: number
  /** Users in one batch, at most (BATCH_SIZE). */
  batchUsersMax: number
  /** How long a batch is on its way to Redis and back, ms. */
  flightMs: number
  /** How often each record is renewed, s: a third of PRESENCE_TTL_S. */
  renewS: number
  /** The same of each watch: a third of WATCH_TTL_S. */
  rewatchS: number
}

export const DEFAULTS: Omit<Cluster, 'nodes' | 'masters' | 'users'> = {
  watches: 200,
  changesPerUser: 1 / 600,
  shards: 4,
  batchUsersMax: 100,
  flightMs: 2,
  renewS: 14_400,
  rewatchS: 600,
}

/** Of one node, a second. */
export interface NodeTraffic {
  /** Changes of its own users. */
  changes: number
  /** Changes of other nodes' users that somebody here watches. */
  heard: number
  /** Messages that carry them: those that come in; as many go out. */
  messages: number
  /** Scripts that record its own changes. */
  scripts: number
}

/** Of one Redis master, a second. */
export interface MasterTraffic {
  /** Messages between nodes that pass through it; each goes to one receiver. */
  messages: number
  /** Scripts that record changes. */
  scripts: number
  /** Users whose records are renewed, and watches that are. They come in batches, when there is time for them. */
  renewals: number
}

export interface Traffic {
  node: NodeTraffic
  master: MasterTraffic
}

/** The chance that somebody on a given node watches a given user of another node. */
export function watchedOnNode({ nodes, users, watches }: Cluster): number {
  // Each user of that node watches them with the chance watches / others; nobody does with the product of not doing so.
  const chance = Math.min(1, watches / (users - 1))
  return 1 - (1 - chance) ** (users / nodes)
}

/** On how many nodes, their own not counted, somebody watches a user: near `watches` while they are few, then all. */
export function nodesWatching(cluster: Cluster): number {
  return (cluster.nodes - 1) * watchedOnNode(cluster)
}

/**
 * Users in one batch of a shard. A quiet shard sends at once; while a batch is in flight, the next one gathers. So a
 * batch has those who changed during a flight, or the one who came later when nobody did.
 */
export function usersPerBatch(cluster: Cluster): number {
  const { users, nodes, shards, changesPerUser, batchUsersMax, flightMs } = cluster
  const perFlight = ((users * changesPerUser) / nodes / shards) * (flightMs / 1_000)
  return Math.min(batchUsersMax, perFlight + Math.exp(-perFlight))
}

/**
 * A batch becomes one script on each master that has some of its users, and each of these one message to each node
 * that watches at least one of them.
 */
export function interestRouting(cluster: Cluster): Traffic {
  const { nodes, masters, users, changesPerUser, renewS, rewatchS } = cluster
  const changes = (users * changesPerUser) / nodes
  const batch = usersPerBatch(cluster)
  const scriptsPerBatch = masters * (1 - (1 - 1 / masters) ** batch)
  const scripts = (changes / batch) * scriptsPerBatch
  const receivers = (nodes - 1) * (1 - (1 - watchedOnNode(cluster)) ** (batch / scriptsPerBatch))
  // Nodes are alike: what all of them send is what all of them hear.
  const messages = scripts * receivers
  return {
    node: { changes, heard: changes * nodesWatching(cluster), messages, scripts },
    master: {
      messages: (messages * nodes) / masters,
      scripts: (scripts * nodes) / masters,
      renewals: (users / renewS + (nodes * watchedUsers(cluster)) / rewatchS) / masters,
    },
  }
}

/** Different users that clients of a node watch: as many watches has the node in Redis. */
export function watchedUsers(cluster: Cluster): number {
  return cluster.users * watchedOnNode(cluster)
}

/**
 * OpenIM's one channel: every change is a message of its own to every node, also to the one it comes from. In a
 * Redis Cluster each master passes each message on to the other masters, and delivers it to the nodes that listen at it.
 */
export function globalChannel(cluster: Cluster): {
  node: { heard: number; messages: number }
  master: { messages: number }
} {
  const { nodes, masters, users, changesPerUser } = cluster
  const changes = users * changesPerUser
  return {
    node: { heard: changes, messages: changes },
    master: { messages: changes * Math.max(1, nodes / masters) },
  }
}
