/** The shard role: this thread's part of the presence shards. */
import { type Args, newShardCounts, presenceShard } from '../../../actors/shard/presence-shard.js'
import { pick } from '../../config/pick.js'
import { Addresses, FIRST_SHARD } from '../../protocol/addresses.js'
import { drainPlan } from '../drain-plan.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'
import { loginPolicy, seating } from '../settings.js'

export const prepare: PrepareRole = async () => open

function open(thread: ThreadContext): RoleInstance {
  const { system, settings, log, slot, index } = thread
  const { config } = settings
  const addresses = new Addresses(settings.topology)
  const counts = newShardCounts()
  const gauges: Args['gauges'] = []
  const rules = { policy: loginPolicy(config), seating: seating(config) }
  const own = pick(
    config,
    'nodeId',
    'batchSize',
    'mergeIntervalMs',
    'presenceTtlS',
    'watchTtlS',
    'offlineGraceMs',
    'handshakeTimeoutMs',
  )
  const shards = addresses.shards.filter((shard) => shard.thread === slot)
  for (const { actor } of shards) {
    const shard = actor - FIRST_SHARD
    system.spawn(presenceShard, { shard, settings: own, addresses, ...rules, counts, gauges }, actor)
  }
  thread.meter.metrics.onSnapshot((report) => {
    report.total('assertions', counts.assertions)
    report.total('assertionErrors', counts.assertionErrors)
    report.total('changesHeard', counts.changesHeard)
    report.total('evictionsSent', counts.evictionsSent)
    report.total('antiEntropyFinds', counts.antiEntropyFinds)
    for (const gauge of gauges.filter((one) => one !== undefined)) {
      report.level('onlineUsers', gauge().held)
      report.level('watchedUsers', gauge().watched)
      report.level('assertionsWaiting', gauge().waiting)
    }
  })
  return {
    drain: async () => {
      const { keepsGrace, shardMs } = drainPlan(config)
      const flushed = shards.map((shard) => system.ask(shard, { kind: 'flush', keepsGrace }, shardMs))
      for (const outcome of await Promise.allSettled(flushed)) {
        if (outcome.status === 'rejected')
          log.warn({ reason: String(outcome.reason) }, 'flush incomplete at shutdown')
      }
    },
    parts: () => {
      const rebuilding = gauges.filter((gauge) => gauge?.().isRebuilding).length
      const missing = rebuilding > 0 ? `${rebuilding} of ${shards.length} shards are rebuilding` : undefined
      return [{ name: `shard-${index}`, ready: rebuilding === 0, missing }]
    },
  }
}
