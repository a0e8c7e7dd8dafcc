/** The shard role: this thread's part of the presence shards. */
import { type Args, newShardCounts, presenceShard } from '../../../actors/shard/presence-shard.js'
import { Addresses, FIRST_SHARD } from '../../protocol/addresses.js'
import { drainPlan } from '../drain-plan.js'
import type { Home, PrepareResident, Resident } from '../resident.js'
import { loginPolicy, seating } from '../settings.js'

export const prepare: PrepareResident = async () => open

function open(home: Home): Resident {
  const { system, settings, log, slot, index } = home
  const { config } = settings
  const addresses = new Addresses(settings.topology)
  const counts = newShardCounts()
  const gauges: Args['gauges'] = []
  const rules = { policy: loginPolicy(config), seating: seating(config) }
  const shards = addresses.shards.filter((shard) => shard.thread === slot)
  for (const { actor } of shards) {
    const shard = actor - FIRST_SHARD
    system.spawn(presenceShard, { shard, settings: config, addresses, ...rules, counts, gauges }, actor)
  }
  home.meter.metrics.onSnapshot((report) => {
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
          log.warn({ reason: String(outcome.reason) }, 'the store was not told all')
      }
    },
    parts: () => {
      const rebuilding = gauges.filter((gauge) => gauge?.().isRebuilding).length
      const missing = rebuilding > 0 ? `${rebuilding} of ${shards.length} shards are rebuilding` : undefined
      return [{ name: `shard-${index}`, ready: rebuilding === 0, missing }]
    },
  }
}
