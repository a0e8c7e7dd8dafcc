/** The node registry in Redis: who lives, who is dead. What it decides, it decides in its scripts. */
import type { Cluster, Redis } from 'ioredis'
import type { Suspect } from '../../rules/cluster/membership.js'
import type { Holder } from '../../rules/types.js'
import type { Incarnation, Lease, LeaseRenewal, NodeSettings } from '../ports/presence-store.js'
import { holderOf } from '../shared/names.js'
import type { Keys } from './keys.js'
import * as scripts from './scripts/scripts.js'
import { rejectUnavailable } from './server/connection.js'

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
    const call = scripts.renewLease(this.#keys, holder, renewal, this.#settings)
    const reply = (await this.#run(call)) as scripts.RenewalReply
    if (reply[0] === 0) {
      const [, rival, leaseLeftMs] = reply
      const lost: Lease = { isHeld: false, suspects: [] }
      if (rival !== undefined) lost.rival = { holder: String(rival), leaseLeftMs: Number(leaseLeftMs) }
      return lost
    }
    const [, toSweep, suspects, version, living, dead] = reply
    const lease: Lease = {
      isHeld: true,
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
