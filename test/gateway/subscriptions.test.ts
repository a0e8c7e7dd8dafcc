/** A subscription between its connection and the fan-out: what happens when not all goes well. */

import t from 'tap'
import { connection, type FromTransport, newConnectionCounts } from '../../actors/io/connection.js'
import { Hub } from '../../src/doors/websocket/hub.js'
import type { Socket } from '../../src/doors/websocket/transport/transport.js'
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { WireCode } from '../../src/openim/codes.js'
import { SubUserOnlineStatus, SubUserOnlineStatusTips } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type * as Connection from '../../src/protocol/connection.js'
import type * as FanOut from '../../src/protocol/fan-out.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as TokenSync from '../../src/protocol/token-sync.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { connectionArgs } from '../support/connection-args.js'

const encoding = frameEncoding('js', false)

function setUp() {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const fanOut = spawnProbe<FanOut.Command>(system)
  const topics = new Set<string>()
  const answers: { errCode: number; userIds: string[] }[] = []
  const socket = {
    send: (data: Uint8Array) => {
      const { errCode, data: tips } = encoding.decodeResponse(data, 100_000)
      const { subscribers } = SubUserOnlineStatusTips.decode(tips ?? new Uint8Array())
      answers.push({ errCode, userIds: subscribers.map(({ userID }) => userID) })
      return 'sent'
    },
    subscribe: (topic: string) => !topics.has(topic) && topics.add(topic) !== undefined,
    unsubscribe: (topic: string) => topics.delete(topic),
    isSubscribed: (topic: string) => topics.has(topic),
  } as unknown as Socket
  const hub = new Hub()
  const counts = newConnectionCounts()
  const ref = system.spawn(
    connection,
    connectionArgs(
      {
        socket,
        encoding,
        hub,
        shard: spawnProbe<PresenceShard.Command>(system).ref,
        fanOut: fanOut.ref,
        tokenSync: spawnProbe<TokenSync.Command>(system).ref,
        counts,
      },
      { watchesPerConnectionMax: 3, readTimeoutMs: 60_000 },
    ),
  )
  const tell = (message: Connection.Command | FromTransport) => {
    system.tell(ref, message)
    world.settle()
  }
  return {
    hub,
    topics,
    answers,
    counts,
    tell,
    asked: () => fanOut.heard.map((message) => (message.kind === 'request' ? message.userIds : [])),
    ask(subscribeUserID: string[], unsubscribeUserID: string[] = []): void {
      const data = SubUserOnlineStatus.encode({ subscribeUserID, unsubscribeUserID }).finish()
      const labels = { reqIdentifier: RequestId.SubscribeStatus, sendID: 'ann', operationID: '', msgIncr: '' }
      tell({ kind: 'frame', data: encoding.encodeRequest({ ...labels, token: '', data }), isBinary: true })
    },
    board: (...userIds: string[]) => {
      for (const userId of userIds) hub.statuses.set(userId, [])
    },
  }
}

t.test('users who were swept while others were waited for are asked for again', async (t) => {
  const room = setUp()
  room.ask(['a', 'b'])
  room.board('b')
  room.tell({ kind: 'watched', requestId: 1 })
  t.same([room.answers, room.topics.size], [[], 0], 'not subscribed to what nobody watches')
  t.same(room.asked(), [
    ['a', 'b'],
    ['a', 'b'],
  ])
  room.board('a')
  room.tell({ kind: 'watched', requestId: 1 })
  t.same(room.answers, [{ errCode: 0, userIds: ['a', 'b'] }])
  t.equal(room.counts.subscriptions, 2)
})

t.test('what the fan-out refuses is answered by its reason, and nothing is watched', async (t) => {
  const room = setUp()
  room.ask(['a'])
  room.tell({ kind: 'notWatched', requestId: 1, reason: 'busy' })
  room.ask(['a'])
  room.tell({ kind: 'notWatched', requestId: 2, reason: 'full' })
  t.same(
    room.answers.map(({ errCode }) => errCode),
    [WireCode.TooManyRequests, WireCode.TooManyWatches],
  )
  t.same(room.counts.overShare, { waitingWatches: 1, watchedUsers: 1 })
  t.equal(room.topics.size, 0)
})

t.test('users who are asked for twice before the answer count once', async (t) => {
  const room = setUp()
  room.ask(['a', 'b', 'c'])
  room.ask(['c', 'b', 'a'])
  t.same(room.answers, [], 'neither is refused')
  room.ask(['d'])
  t.match(room.answers, [{ errCode: WireCode.TooManyWatches }])
  room.ask([], ['a', 'b', 'c'])
  t.match(room.answers[1], { errCode: 0 }, 'taken out of what waits')
  for (const requestId of [1, 2]) room.tell({ kind: 'watched', requestId })
  t.same([room.topics.size, room.counts.subscriptions], [0, 0])
})
