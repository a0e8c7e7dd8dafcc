/** Real nodes, each a process, on a real Redis Cluster with replicas, with a crowd and watchers at every node. */
import type { Cluster } from 'ioredis'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import { CROWD_LIMITS } from '../crowd/limits.js'
import { Crowd, type Home } from '../crowd/members.js'
import { Watchers } from '../crowd/watchers.js'
import { ChildNode } from '../support/child-node.js'
import type { Teardown } from '../support/node.js'
import { type RedisCluster, type RedisServer, startRedisCluster, until } from '../support/redis.js'
import { recordToken } from '../support/tokens.js'
import { Audit } from './audit.js'

export interface StormSettings {
  users: number
  seed: number
  /** Of every node, ms. */
  leaseMs: number
  graceMs: number
  /** How long Redis is away, ms. */
  outageMs: number
  /** Members of the crowd that break or leave in a second, where a storm is one under load. */
  churnPerS: number
  /** How long everything must stay right after it was, ms. */
  settleMs: number
  say(line: string): void
}

const NODE_IDS = ['north', 'east', 'west']
const AGREE_MS = 90_000
/** Limits that no storm is about. */
const LIMITS = {
  ...CROWD_LIMITS,
  // Each watcher watches everybody, and does so anew after each storm.
  WATCHES_PER_CONNECTION_MAX: '100000',
  NEW_WATCHES_PER_MIN: '10000000',
  NEW_WATCHES_PER_MIN_PER_USER: '10000000',
  MESSAGE_BYTES_MAX: '9000000',
  INFLATED_BYTES_MAX: '9000000',
  BACKPRESSURE_BYTES_MAX: '12000000',
  // They last longer than others.
  READ_TIMEOUT_MS: '3600000',
}

export class StormCluster {
  readonly #living = new Map<string, ChildNode>()
  /** Those of the living that take logins. */
  readonly #homes = new Map<string, Home>()
  /** Where a node was, and comes back to. */
  readonly #ports = new Map<string, number>()

  private constructor(
    private readonly test: Teardown,
    readonly settings: StormSettings,
    readonly redis: RedisCluster,
    readonly client: Cluster,
    readonly random: () => number,
  ) {
    const tokenOf = (userId: string, platformId: number) => recordToken(client, userId, platformId)
    const homes = () => this.homes
    const { users, graceMs } = settings
    this.crowd = new Crowd({ users, graceMs, homes, token: tokenOf, random })
    this.watchers = new Watchers(this.crowd, tokenOf, (home) => this.#homes.get(home.nodeId) === home)
    this.audit = new Audit(client, this.crowd, this.watchers, () => this.homes.length)
  }

  readonly crowd: Crowd
  readonly watchers: Watchers
  readonly audit: Audit

  /** Resolves when all are in and everybody agrees. */
  static async start(test: Teardown, settings: StormSettings): Promise<StormCluster> {
    const redis = await startRedisCluster({ replicas: true })
    test.teardown(() => redis.stop())
    const storm = new StormCluster(test, settings, redis, redis.client(), mulberry32(settings.seed))
    test.teardown(() => {
      storm.#homes.clear()
      storm.crowd.end()
      storm.watchers.end()
    })
    await storm.restore()
    return storm
  }

  get homes(): Home[] {
    return [...this.#homes.values()]
  }

  get servers(): RedisServer[] {
    return [...this.redis.masters, ...this.redis.replicas]
  }

  node(nodeId: string): ChildNode {
    return this.#living.get(nodeId)!
  }

  /** Every node lives, every member of the crowd is in, and everybody agrees. */
  async restore(): Promise<void> {
    for (const nodeId of NODE_IDS) if (!this.#living.has(nodeId)) await this.open(nodeId)
    await this.crowd.come(this.crowd.members.filter((member) => member.state === 'away'))
    const { differences } = await this.audit.untilAgreed(AGREE_MS)
    if (differences.length === 0) return
    const [first] = differences
    throw new Error(`no agreement before the storm: ${differences.length} differences, first: ${first!.text}`)
  }

  /** A node starts, with the name and the address that it had before, and watchers come. */
  async open(nodeId: string): Promise<void> {
    const { leaseMs, graceMs } = this.settings
    const port = this.#ports.get(nodeId)
    const node = await ChildNode.start(this.test, {
      ...LIMITS,
      NODE_ID: nodeId,
      REDIS_CLUSTER_NODES: this.redis.nodes,
      NODE_LEASE_MS: String(leaseMs),
      OFFLINE_GRACE_MS: String(graceMs),
      // Its clients are sent away, and their grace is waited for.
      SHUTDOWN_TIMEOUT_MS: String(30_000 + 2 * graceMs),
      ...(port === undefined ? {} : { WS_PORT: String(port) }),
    })
    this.#living.set(nodeId, node)
    this.#ports.set(nodeId, node.wsPort)
    await this.#receive(nodeId)
  }

  /** SIGKILL. */
  async kill(nodeId: string): Promise<void> {
    const node = this.node(nodeId)
    this.#homes.delete(nodeId)
    this.#living.delete(nodeId)
    await node.kill()
  }

  /** SIGTERM; resolves when it has ended. */
  async stop(nodeId: string): Promise<void> {
    const node = this.node(nodeId)
    this.#homes.delete(nodeId)
    await node.stop()
    this.#living.delete(nodeId)
  }

  /** SIGSTOP. Nobody goes there any more. */
  freeze(nodeId: string): void {
    this.#homes.delete(nodeId)
    this.node(nodeId).freeze()
  }

  thaw(nodeId: string): void {
    const node = this.node(nodeId)
    node.thaw()
    this.#homes.set(nodeId, { nodeId, port: node.wsPort })
  }

  /** The server that serves a key now. */
  async ownerOf(key: string): Promise<RedisServer> {
    for (const server of this.servers) {
      const client = server.client()
      const isServed = await client.exists(key).then(
        () => true,
        () => false,
      )
      client.disconnect()
      if (isServed) return server
    }
    throw new Error(`Nobody serves ${key}.`)
  }

  /** Ask every server that lives, and say how many did it. */
  async everyServer(role: 'master' | 'any', ...command: [string, ...string[]]): Promise<number> {
    let count = 0
    for (const server of this.servers) {
      const client = server.client()
      if (role === 'any' || (await client.info('replication')).includes('role:master')) {
        await client.call(...command)
        count++
      }
      client.disconnect()
    }
    return count
  }

  async #receive(nodeId: string): Promise<void> {
    const { wsPort } = this.node(nodeId)
    const home = { nodeId, port: wsPort }
    this.#homes.set(nodeId, home)
    await this.watchers.post(home)
  }

  /** All slots are served, as every server sees it. */
  async redisIsWhole(withinMs: number): Promise<void> {
    await until(
      'every slot is served',
      async () => {
        const states = await Promise.all(
          this.servers.map(async (server) => {
            const client = server.client()
            const info = String(await client.call('CLUSTER', 'INFO'))
            client.disconnect()
            return info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384')
          }),
        )
        return states.every((isOk) => isOk)
      },
      withinMs,
    )
  }
}
