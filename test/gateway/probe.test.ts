/** A connection of a device that has logged in again: it stays if its client answers. */
import t from 'tap'
import { connection, newConnectionCounts } from '../../actors/io/connection.js'
import type { Socket } from '../../src/doors/websocket/transport/transport.js'
import { CloseCode } from '../../src/openim/close-codes.js'
import type * as FanOut from '../../src/protocol/fan-out.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as TokenSync from '../../src/protocol/token-sync.js'
import { PROBE_LOOKS_MS, PROBE_MS } from '../../src/rules/presence/probe.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { Machine, World } from '../../src/runtime/testkit/world.js'
import { connectionArgs } from '../support/connection-args.js'

const ROUND_TRIP_MS = 20

/** One connection whose socket and neighbours write down what they are told. */
function open() {
  const world = new World({ seed: 1 })
  const machine = new Machine()
  const system = world.system(0, 0, machine)
  const shard = spawnProbe<PresenceShard.Command>(system)
  const tokenSync = spawnProbe<TokenSync.Command>(system)
  const acts: string[] = []
  const counts = newConnectionCounts()
  const heard = { heardMs: 0 }
  const ref = system.spawn(
    connection,
    connectionArgs(
      {
        socket: {
          ping: () => acts.push('ping'),
          send: () => acts.push('send'),
          drop: () => acts.push('drop'),
        } as unknown as Socket,
        heard,
        shard: shard.ref,
        fanOut: spawnProbe<FanOut.Command>(system).ref,
        tokenSync: tokenSync.ref,
        counts,
        places: { remove: () => acts.push('place') },
      },
      { requestsPerSMax: 1 },
    ),
  )
  type Told = Parameters<typeof system.tell<Parameters<typeof connection.receive>[2]>>[1]
  const tell = (message: Told) => {
    system.tell(ref, message)
    world.settle()
  }
  // By the time of a probe it has been there for a while.
  world.advance(1_000)
  return {
    world,
    machine,
    system,
    shard,
    tokenSync,
    acts,
    counts,
    tell,
    /** Its transport has read something from its client. */
    hear: () => {
      heard.heardMs = world.nowMs
    },
    kinds: () => shard.heard.map((one) => one.kind),
  }
}

t.test('a client that answers a probe stays, and its shard hears that it did', async (t) => {
  const { world, acts, tell, hear, kinds } = open()
  for (let times = 1; times <= 2; times++) {
    tell({ kind: 'probe' })
    world.advance(ROUND_TRIP_MS)
    hear()
    world.advance(PROBE_MS)
    t.same(kinds().slice(1), Array(times).fill('answered'))
    t.same(acts, Array(times).fill('ping'))
  }
})

t.test('an answer may take as long as a probe, and counts however it comes', async (t) => {
  const { world, acts, tell, kinds } = open()
  tell({ kind: 'probe' })
  world.advance(PROBE_MS - 1)
  t.same(kinds(), ['connected'])
  tell({ kind: 'frame', data: Buffer.from('{"type":"ping"}'), isBinary: false })
  world.advance(1)
  t.same(kinds(), ['connected', 'answered'])
  t.notOk(acts.includes('drop'))
})

/** The bug: a client that fell silent just after it had answered one probe passed for alive in the next. */
t.test('an answer to an earlier probe does not count for a later one', async (t) => {
  const { world, acts, tell, hear, kinds } = open()
  tell({ kind: 'probe' })
  world.advance(ROUND_TRIP_MS)
  hear()
  world.advance(1)
  tell({ kind: 'probe' })
  world.advance(PROBE_MS - 1)
  t.same(kinds(), ['connected'])
  world.advance(1)
  t.same(acts, ['ping', 'ping', 'place', 'drop'])
  t.same(kinds(), ['connected', 'disconnected'])
})

t.test('a client that does not answer goes in silence, and its place is free at once', async (t) => {
  const { world, shard, acts, counts, tell, hear } = open()
  hear()
  tell({ kind: 'probe' })
  world.advance(PROBE_MS / 2)
  tell({ kind: 'probe' })
  world.advance(PROBE_MS / 2 - 1)
  t.same(acts, ['ping'], 'a probe that is under way answers for the next')
  world.advance(1)
  t.same(acts, ['ping', 'place', 'drop'])
  t.match(shard.heard.slice(1), [{ kind: 'disconnected', clean: true }])
  // Its socket may be long in closing.
  tell({ kind: 'kick', by: 7 })
  tell({ kind: 'probe' })
  world.advance(PROBE_MS)
  tell({ kind: 'closed', code: CloseCode.NoCloseFrame, clean: false })
  world.advance(PROBE_MS)
  t.same([acts.length, shard.heard.length], [3, 2], 'and is given up once')
  t.same(counts.closes, { replaced: 1 })
})

t.test('a kick that comes during a probe is carried out, and told', async (t) => {
  const { world, system, tokenSync, acts, counts, tell } = open()
  tell({ kind: 'probe' })
  world.advance(PROBE_LOOKS_MS[0]!)
  tell({ kind: 'kick', by: 7 })
  world.advance(PROBE_LOOKS_MS[1]!)
  t.same(acts, ['ping'], 'its token is flagged first')
  system.answer(tokenSync.lastReplyTo()!, true, null)
  world.advance(PROBE_MS)
  tell({ kind: 'closed', code: CloseCode.NoCloseFrame, clean: false })
  t.same([acts, counts.closes], [['ping', 'send', 'drop', 'place'], { kick: 1 }])
})

t.test('a process that stood still reads what came meanwhile before it judges', async (t) => {
  const { world, machine, acts, tell, hear, kinds } = open()
  tell({ kind: 'probe' })
  machine.pause()
  world.advance(10 * PROBE_MS)
  // The timer that is late comes first, then what the sockets have.
  machine.resume()
  world.settle()
  t.same(kinds(), ['connected'])
  hear()
  world.advance(PROBE_MS)
  t.same([kinds(), acts], [['connected', 'answered'], ['ping']])
})
