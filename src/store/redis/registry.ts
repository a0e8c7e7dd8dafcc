/** The node registry in Redis: which nodes live, which are dead. Its scripts decide. */
import { holderOf } from '../../rules/cluster/holder.js'
import type { Suspect } from '../../rules/cluster/membership.js'
import type { Holder } from '../../rules/types.js'
import type { Incarnation, Lease, LeaseRenewal, NodeRegistry } from '../ports/node-registry.js'
import type { RedisPresenceRecords } from './presence-records.js'
import * as scripts from './scripts/scripts.js'
import { rejectUnavailable } from './server/connection.js'
import type { StoreContext } from './store-context.js'
import type { Subscriber } from './subscriber.js'
import { sweep } from './sweep.js'

export class RedisNodeRegistry implements NodeRegistry {
  readonly #context: StoreContext
  readonly #presence: RedisPresenceRecords
  readonly #subscriber: Pick<Subscriber, 'check'>

  constructor(context: StoreContext, presence: RedisPresenceRecords, subscriber: Pick<Subscriber, 'check'>) {
    this.#context = context
    this.#presence = presence
    this.#subscriber = subscriber
  }

  async register(): Promise<Incarnation> {
    const { keys, options } = this.#context
    const reply = (await this.#run(scripts.registerNode(keys, options))) as Buffer[]
    const [epoch, ...previousIncarnations] = reply.map(String)
    return { holder: holderOf(options.nodeId, epoch!), previousIncarnations }
  }

  async renewLease(renewal: LeaseRenewal): Promise<Lease> {
    const { keys, options, opened } = this.#context
    const { holder } = opened()
    this.#subscriber.check()
    const call = scripts.renewLease(keys, holder, renewal, options)
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
    const { client, keys, opened } = this.#context
    opened()
    return client.zrange(keys.nodes(), '0', '-1').catch(rejectUnavailable)
  }

  async sweep(dead: Holder): Promise<number> {
    const { client, keys, session, opened } = this.#context
    const begun = opened()
    return sweep({
      client,
      keys,
      dead,
      withdraw: (userIds) => this.#presence.withdraw(userIds, dead, begun),
      isStopped: () => session() === undefined,
    }).catch(rejectUnavailable)
  }

  async leave(holders: readonly Holder[]): Promise<void> {
    await this.#run(scripts.leaveRegistry(this.#context.keys, holders))
  }

  #run(call: scripts.ScriptCall): Promise<unknown> {
    return scripts.runScript(this.#context.client, call).catch(rejectUnavailable)
  }
}

function pairs(flat: readonly Buffer[]): [Holder, number][] {
  const result: [Holder, number][] = []
  for (let i = 0; i < flat.length; i += 2) result.push([String(flat[i]), Number(flat[i + 1])])
  return result
}
