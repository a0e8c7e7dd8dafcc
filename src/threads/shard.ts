/** The shard thread: its part of the presence shards. */
import { type Args, newShardCounts, presenceShard } from '../../actors/presence-shard.js'
import { Addresses, FIRST_SHARD } from '../protocol/addresses.js'
import { hostThread, nothingToPrepare, type OpenThread, type ThreadApp } from '../runtime/thread-entry.js'
import { drainPlan } from './drain-plan.js'
import { loginPolicy, seating, type ThreadSettings, threadLog, threadName } from './settings.js'
import { meterThread } from './thread-meter.js'

export default hostThread({ log: threadLog, prepare: nothingToPrepare, open })

function open(thread: OpenThread<ThreadSettings>): ThreadApp {
  const { system, settings, log, slot } = thread
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
  const meter = meterThread(threadName(thread))
  meter.metrics.onSnapshot((report) => {
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
    ready: async () => {},
    drain: async () => {
      const { keepsGrace, shardMs } = drainPlan(config)
      const flushed = shards.map((shard) => system.ask(shard, { kind: 'flush', keepsGrace }, shardMs))
      for (const outcome of await Promise.allSettled(flushed)) {
        if (outcome.status === 'rejected')
          log.warn({ reason: String(outcome.reason) }, 'the store was not told all')
      }
    },
    stop: async () => {},
    release: () => {},
    stats: async (runtime) => {
      const rebuilding = gauges.filter((gauge) => gauge?.().isRebuilding).length
      const missing = rebuilding > 0 ? `${rebuilding} of ${shards.length} shards are rebuilding` : undefined
      return {
        parts: [{ name: threadName(thread), ready: rebuilding === 0, missing }],
        metrics: await meter.snapshot(runtime),
      }
    },
  }
}
