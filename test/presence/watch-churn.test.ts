/** A watch that ends before the store was told of it costs the store nothing, and leaves nothing that waits. */
import t from 'tap'
import { newShardCounts, presenceShard } from '../../actors/shard/presence-shard.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { Addresses, FAN_OUT, FIRST_SHARD, LISTENER, PRESENCE_SYNC } from '../../src/protocol/addresses.js'
import type * as FanOut from '../../src/protocol/fan-out.js'
import type * as Listener from '../../src/protocol/listener.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as PresenceSync from '../../src/protocol/presence-sync.js'
import { LoginPolicy } from '../../src/rules/logins/login-policy.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'

t.test(
  'the store is told of the watches that last, and of the end of those that it was told of',
  async (t) => {
    const world = new World({ seed: 1 })
    const system = world.system(0)
    const sync = spawnProbe<PresenceSync.Command>(system, PRESENCE_SYNC)
    spawnProbe<Listener.Command>(system, LISTENER)
    spawnProbe<FanOut.Command>(system, FAN_OUT)
    const shard = system.spawn(
      presenceShard,
      {
        shard: 0,
        settings: {
          nodeId: 'n',
          batchSize: 100,
          mergeIntervalMs: 1_000,
          presenceTtlS: 1_800,
          watchTtlS: 1_800,
          offlineGraceMs: 0,
          handshakeTimeoutMs: 10_000,
        },
        addresses: new Addresses({ io: [0], shard: [0], sync: 0, presenceShards: 1 }),
        policy: new LoginPolicy(0, new PlatformTable(OPENIM_PLATFORMS)),
        seating: undefined,
        counts: newShardCounts(),
        gauges: [],
      },
      FIRST_SHARD,
    )
    const tell = (message: PresenceShard.Command) => {
      system.tell(shard, message)
      world.settle()
    }
    const watch = (...userIds: string[]) => tell({ kind: 'watch', thread: 0, userIds })
    const unwatch = (...userIds: string[]) => tell({ kind: 'unwatch', thread: 0, userIds })
    const told = () => sync.heard.filter((message) => message.kind === 'setInterest').at(-1)
    world.settle()
    const rebuilt = sync.lastReplyTo()!

    // Until the shard is rebuilt it tells the store nothing, as in an outage.
    for (let turn = 0; turn < 50; turn++) {
      watch(`passing-${turn}`)
      unwatch(`passing-${turn}`)
    }
    watch('staying', 'leaving')
    system.answer(rebuilt, true, [])
    tell({ kind: 'announced', thread: 0, connections: [] })
    t.match(told(), { watch: ['staying', 'leaving'], unwatch: [] })

    // In flight: nobody knows whether the store has heard of it.
    unwatch('leaving')
    const answer = [{ userId: 'staying', version: 1, claims: [], foreign: [] }]
    system.answer(sync.lastReplyTo()!, true, answer)
    world.settle()
    t.match(told(), { watch: [], unwatch: ['leaving'] })

    // Its end is still to be told when it is watched again, and left again.
    unwatch('staying')
    watch('staying')
    unwatch('staying')
    system.answer(sync.lastReplyTo()!, true, [])
    world.settle()
    t.match(told(), { watch: [], unwatch: ['staying'] })
  },
)
