/** What one actor did in one step is done by three now: each order that others rely on. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { PRESENCE_SYNC, TOKEN_SYNC } from '../../src/protocol/addresses.js'
import { ADMIN_KICK } from '../../src/rules/logins/eviction.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { nodeSettings } from '../store/suite.js'
import { deaf } from '../support/deaf.js'
import { gate } from '../support/gate.js'
import { SyncRoom } from './room.js'

const HOUR_S = 3_600

const assertion = (userId: string, isLogin?: true) => ({
  userId,
  platformIds: [Platform.IOS],
  versionSeen: 0,
  ...(isLogin && { isLogin }),
})

t.test('a note that a shard sends before an assertion leaves before it', async (t) => {
  const room = await SyncRoom.open()
  room.store.calls.length = 0
  room.tell({ kind: 'evicted', to: 'other#1', id: 1, userId: 'ann', gone: 0, left: [] })
  const asserted = room.assert([assertion('ann')])
  await room.run()
  t.match(await asserted, [{ ok: true }])
  t.same(room.store.calls, ['send', 'assert'])
})

t.test('notes and changes of another node are passed on in the order in which they were heard', async (t) => {
  const room = await SyncRoom.open()
  const evicted = (id: number) => ({ kind: 'evicted' as const, id, userId: 'ann', gone: 0, left: [] })
  const snapshot = { userId: 'ann', version: 1, claims: [], foreign: [] }
  room.events.nodeMessage(evicted(1))
  room.events.changed([snapshot], 'other#1')
  room.events.nodeMessage(evicted(2))
  room.events.openimNotice('ann', [])
  await room.run(1)
  t.same(room.heard(), ['evicted', 'changes', 'evicted', 'openimNotice'])
})

t.test('a death that the shards know is not undone by an answer of before it', async (t) => {
  const room = await SyncRoom.open()
  const other = new MemoryStore(room.backend, nodeSettings())
  const { holder } = await other.open(deaf)
  await other.assert([assertion('ann')])
  const { promise, open } = gate()
  room.store.answersFrom = promise
  const watched = room.askPresence({ kind: 'setInterest', watch: ['ann'], unwatch: [], isBackground: false })
  await room.run(1)
  room.events.nodeMessage({ kind: 'died', dead: [{ holder, inMs: 0 }] })
  await room.run(1)
  t.ok(room.heard().includes('nodesLost'))
  open()
  await room.run(1)
  t.equal(room.backend.read('ann').claims.length, 1, 'the store still has the claim')
  t.same(
    (await watched).map(({ claims }) => claims),
    [[]],
  )
})

t.test('a kick that overtakes the answer to a question about its token is believed', async (t) => {
  const room = await SyncRoom.open()
  await room.backend.tokens.set('ann', 1, 'token', 'normal', HOUR_S)
  const { promise, open } = gate()
  room.store.answersFrom = promise
  const checked = room.checkToken('token')
  await room.run(1)
  room.events.nodeMessage({
    kind: 'withdraw',
    userId: 'ann',
    platformId: Platform.IOS,
    tokens: [tokenDigest('token')],
    by: ADMIN_KICK,
  })
  await room.run(1)
  open()
  await room.run(1)
  t.equal(await checked, 'kicked')
})

t.test(
  'after a loss no login removes others before token-sync has seen whose tokens are in doubt',
  async (t) => {
    const room = await SyncRoom.open({ without: TOKEN_SYNC })
    await room.run()
    const asserted = room.assert([assertion('ann', true), assertion('bob')])
    await room.run()
    t.match(await asserted, [
      { userId: 'bob', ok: true },
      { userId: 'ann', ok: false, error: /token is being checked/ },
    ])
    const reviewed = await SyncRoom.open()
    await reviewed.run()
    const login = reviewed.assert([assertion('ann', true)])
    await reviewed.run()
    t.match(await login, [{ userId: 'ann', ok: true }])
  },
)

t.test('what presence-sync has no room for is read again, at most once a second', async (t) => {
  const room = await SyncRoom.open({ without: PRESENCE_SYNC })
  for (let n = 0; n < 3; n++) room.events.changed([], 'other#1')
  await room.run(1_100)
  t.same(room.heard(), ['changesMissed'])
  room.events.changed([], 'other#1')
  await room.run(1_100)
  t.same(room.heard(), ['changesMissed'])
})
