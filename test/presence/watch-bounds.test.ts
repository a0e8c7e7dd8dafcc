/** What one io thread watches is bounded, with what lingers and with what waits. */
import t from 'tap'
import { type FanOutGauges, type FanOutLimits, fanOut } from '../../actors/io/fan-out.js'
import { Hub, topicOf } from '../../src/doors/websocket/hub.js'
import { Addresses, FIRST_SHARD } from '../../src/protocol/addresses.js'
import type * as Connection from '../../src/protocol/connection.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'

const SWEEP_MS = 10_000

function setUp(limits: FanOutLimits) {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const shard = spawnProbe<PresenceShard.Command>(system, FIRST_SHARD)
  const connection = spawnProbe<Connection.Command>(system)
  const hub = new Hub()
  const watched = new Set<string>()
  const gauges: FanOutGauges = { waiting: () => -1 }
  const ref = system.spawn(fanOut, {
    hub,
    limits,
    gauges,
    transport: { publish: () => {}, subscriberCount: (topic) => (watched.has(topic) ? 1 : 0) },
    addresses: new Addresses({ io: [0], shard: [0], sync: 0, presenceShards: 1 }),
    counts: { statusPushes: 0 },
  })
  let requestId = 0
  return {
    hub,
    gauges,
    advance: (ms: number) => world.advance(ms),
    /** A connection asks for the users. Returns what it is told within the same turn. */
    ask(...userIds: string[]): Connection.Command | undefined {
      const before = connection.heard.length
      system.tell(ref, { kind: 'request', connection: connection.ref, requestId: ++requestId, userIds })
      world.settle()
      return connection.heard[before]
    },
    answer(...userIds: string[]): void {
      const statuses = userIds.map((userId) => ({ userId, platformIds: [] }))
      system.tell(ref, { kind: 'statuses', statuses })
      world.settle()
    },
    /** Somebody subscribes, or the last one leaves. */
    subscribe: (userId: string) => void watched.add(topicOf(0, userId)),
    leave(userId: string): void {
      watched.delete(topicOf(0, userId))
      hub.unattended.add(userId)
    },
    asked: () => usersOf(shard.heard, 'watch'),
    ended: () => usersOf(shard.heard, 'unwatch'),
  }
}

function usersOf(heard: PresenceShard.Command[], kind: 'watch' | 'unwatch'): string[] {
  return heard.flatMap((message) => (message.kind === kind ? message.userIds : []))
}

t.test('requests for users who are not known yet are refused while too many wait', async (t) => {
  const room = setUp({ watchedUsersMax: 100, watchesWaitingMax: 3 })
  t.equal(room.ask('a', 'b'), undefined)
  t.match(room.ask('b', 'c', 'd'), { kind: 'notWatched', requestId: 2, reason: 'busy' })
  t.equal(room.ask('b', 'c'), undefined, 'those who are asked for already are not counted again')
  t.equal(room.gauges.waiting(), 3)
  t.same(room.asked(), ['a', 'b', 'c'], 'nothing was asked for the refused one')
  room.answer('a', 'b')
  t.match(room.ask('d', 'e'), undefined)
  t.match(room.ask('a', 'b'), { kind: 'watched' }, 'those who are known are no burden')
})

t.test('watches that linger count, and make room for others, oldest first', async (t) => {
  const room = setUp({ watchedUsersMax: 4, watchesWaitingMax: 100 })
  room.ask('a', 'b', 'c', 'd')
  room.answer('a', 'b', 'c', 'd')
  for (const user of ['a', 'b', 'c', 'd']) room.subscribe(user)
  t.match(room.ask('e'), { kind: 'notWatched', reason: 'full' })
  t.same([room.hub.statuses.size, room.ended()], [4, []], 'nothing else is touched')
  room.leave('c')
  room.leave('a')
  t.equal(room.ask('e'), undefined)
  t.same(room.ended(), ['c'])
  t.match(room.ask('f', 'g'), { kind: 'notWatched', reason: 'full' })
  t.equal(room.ask('f'), undefined)
  t.ok(room.hub.statuses.size + room.gauges.waiting() <= 4)
})

t.test('users are swept whose askers have given up, and an answer that comes late is not kept', async (t) => {
  const room = setUp({ watchedUsersMax: 100, watchesWaitingMax: 2 })
  room.advance(SWEEP_MS - 1_000)
  room.ask('a')
  room.advance(1_000)
  t.same([room.ended(), room.gauges.waiting()], [[], 1], 'not while somebody may still wait')
  room.advance(SWEEP_MS)
  t.same([room.ended(), room.gauges.waiting()], [['a'], 0])
  room.answer('a')
  t.equal(room.hub.statuses.size, 0)
  t.equal(room.ask('a', 'b'), undefined, 'they may be asked for again')
  room.answer('a', 'b')
  t.equal(room.hub.statuses.size, 2)
})

t.test('a sweep of many goes by slices, and takes those alone that were there when it began', async (t) => {
  const room = setUp({ watchedUsersMax: 10_000, watchesWaitingMax: 10_000 })
  const users = Array.from({ length: 5_000 }, (_, n) => `user-${n}`)
  room.ask(...users)
  room.answer(...users)
  room.advance(SWEEP_MS)
  const first = room.ended().length
  t.ok(first > 0 && first < users.length, `${first} in the first slice`)
  room.ask('late')
  room.answer('late')
  room.advance(100)
  t.equal(room.ended().length, users.length)
  t.same([...room.hub.statuses.keys()], ['late'])
  room.advance(SWEEP_MS)
  t.equal(room.hub.statuses.size, 0)
})
