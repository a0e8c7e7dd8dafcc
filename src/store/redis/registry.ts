/** The node registry in Redis: who lives, who is dead. What it decides, it decides in its scripts. */
import type { Cluster, Redis } from 'ioredis'
import type { Suspect } from '../../presence/membership.js'
import type { Holder } from '../../presence/types.js'
import { holderOf } from '../names.js'
import type { Incarnation, Lease, LeaseRenewal, NodeSettings } from '../presence-store.js'
import { rejectUnavailable } from './connection.js'
import type { Keys } from './keys.js'
import * as scripts from './scripts.js'

export class NodeRegistry {
  readonly #client: Redis | Cluster
  readonly #keys: Keys
  readonly #settings: NodeSettings

  constructor(client: Redis | Cluster, keys: Keys, settings: NodeSettings) {
    this.#client = client
    this.#keys = keys
    this.#settings = settings
  }

  async register(): Promise<Incarnation> {
    const reply = (await this.#run(scripts.registerNode(this.#keys, this.#settings))) as Buffer[]
    const [epoch, ...formers] = reply.map(String)
    return { holder: holderOf(this.#settings.nodeId, epoch!), formers }
  }

  async renew(holder: Holder, renewal: LeaseRenewal): Promise<Lease> {
    const reply = await this.#run(scripts.renewLease(this.#keys, holder, renewal, this.#settings))
    const [isHeld, toSweep, suspects, version, living, dead] = reply as scripts.RenewalReply
    const lease: Lease = {
      isHeld: isHeld === 1,
      suspects: pairs(suspects).map(([suspect, leaseEndMs]): Suspect => ({ holder: suspect, leaseEndMs })),
    }
    if (toSweep.length > 0) lease.toSweep = String(toSweep)
    if (version !== undefined) {
      lease.registry = {
        version: Number(version),
        living: living!.map(String),
        dead: pairs(dead!).map(([gone, inMs]) => ({ holder: gone, inMs })),
      }
    }
    return lease
  }

  async living(): Promise<Holder[]> {
    return this.#client.zrange(this.#keys.nodes(), '0', '-1').catch(rejectUnavailable)
  }

  async leave(holders: readonly Holder[]): Promise<void> {
    await this.#run(scripts.leaveRegistry(this.#keys, holders))
  }

  #run(call: scripts.ScriptCall): Promise<unknown> {
    return scripts.runScript(this.#client, call).catch(rejectUnavailable)
  }
}

function pairs(flat: readonly Buffer[]): [Holder, number][] {
  const result: [Holder, number][] = []
  for (let i = 0; i < flat.length; i += 2) result.push([String(flat[i]), Number(flat[i + 1])])
  return result
}
