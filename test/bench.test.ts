/** Each benchmark at a tiny size: its counts add up. Times are for `npm run bench`, on a machine with nothing else. */
import t from 'tap'
import { assertions } from '../bench/assertions.js'
import { changeLatency } from '../bench/change-latency.js'
import { fanOut } from '../bench/fan-out.js'
import { halfRate } from '../bench/half-rate.js'
import { idle } from '../bench/idle.js'
import { logins } from '../bench/logins.js'
import { memory } from '../bench/memory.js'
import { messageLatency } from '../bench/message-latency.js'
import { messageReads } from '../bench/message-reads.js'
import { presenceUnderMessages } from '../bench/presence-under-messages.js'
import { reconnectStorm } from '../bench/reconnect-storm.js'
import { renewal } from '../bench/renewal.js'
import { roundTrip } from '../bench/round-trip.js'
import { sends } from '../bench/sends.js'
import { status } from '../bench/status.js'
import type { Benchmark } from '../bench/support/figures.js'
import { sweep } from '../bench/sweep.js'
import { tells } from '../bench/tells.js'
import { threads } from '../bench/threads.js'
import { noNativeTransport } from './support/node.js'

/** `skip`: their raw ceiling is uWebSockets.js itself, which must load here. */
const tiny: { benchmark: Benchmark; sizes: Record<string, number>; skip?: string | false }[] = [
  { benchmark: tells, sizes: { tells: 5_000, slowTells: 3_000, rounds: 1 } },
  { benchmark: roundTrip, sizes: { trips: 20, rounds: 1 } },
  { benchmark: assertions, sizes: { users: 500, patternUsers: 50, shards: 4, batch: 20, rounds: 1 } },
  { benchmark: changeLatency, sizes: { users: 2, warmUps: 1, flushMs: 50, rounds: 1 } },
  { benchmark: halfRate, sizes: { users: 6, quietChanges: 4, changes: 30, inFlight: 3, rounds: 1 } },
  { benchmark: fanOut, sizes: { watchers: 20, toggles: 2, rounds: 1 }, skip: noNativeTransport },
  { benchmark: logins, sizes: { users: 20, atOnce: 8, rounds: 1 }, skip: noNativeTransport },
  { benchmark: renewal, sizes: { users: 300, turnS: 1, shards: 2, batch: 20, rounds: 1 } },
  { benchmark: reconnectStorm, sizes: { clients: 20, processes: 2, seed: 1, rounds: 1 } },
  { benchmark: idle, sizes: { connections: 20, pingMs: 900, rounds: 1 } },
  { benchmark: status, sizes: { users: 50, rounds: 1 } },
  { benchmark: sweep, sizes: { users: 700, rounds: 1 } },
  {
    benchmark: memory,
    sizes: { first: 10, next: 20, watches: 5, settleMs: 50, rounds: 1 },
    skip: noNativeTransport,
  },
  {
    benchmark: threads,
    sizes: {
      ioThreads: 1,
      shardThreads: 1,
      presenceShards: 1,
      users: 20,
      atOnce: 8,
      changing: 100,
      rounds: 1,
    },
    skip: noNativeTransport,
  },
  { benchmark: sends, sizes: { users: 20, sends: 100, rounds: 1 }, skip: noNativeTransport },
  { benchmark: messageLatency, sizes: { sends: 4, warmUps: 10, rounds: 1 } },
  { benchmark: messageReads, sizes: { conversations: 10, messages: 2, pulled: 5, rounds: 1 } },
  {
    benchmark: presenceUnderMessages,
    sizes: { talkers: 20, users: 4, changes: 10, warmUps: 8, rounds: 1 },
  },
]

for (const { benchmark, sizes, skip = false } of tiny) {
  t.test(`${benchmark.name}: everything that was sent arrived`, { skip }, async (t) => {
    t.same(Object.keys(sizes), Object.keys(benchmark.sizes), 'every size is given')
    const figures = await benchmark.run(sizes)
    t.ok(figures.length > 0)
    for (const { name, ours, ceiling } of figures) {
      t.ok(Number.isFinite(ours.median) && Number.isFinite(ceiling?.median ?? 0), name)
    }
  })
}
