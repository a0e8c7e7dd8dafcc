/** One of the sync actors fails and is started again: what it makes the others do, and what it must not forget. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { ADMIN_KICK } from '../../src/rules/logins/eviction.js'
import { SyncRoom } from './room.js'

const HOUR_S = 3_600
const ANN = { userId: 'ann', platformIds: [Platform.IOS], versionSeen: 0 }

t.test(
  'presence-sync: a new epoch on the same connection, and the shards assert everything again',
  async (t) => {
    const room = await SyncRoom.open()
    const asserted = room.assert([ANN])
    await room.run()
    await asserted
    const { holder } = room.store
    room.heard()
    await room.fail(room.addresses.presenceSync)
    await room.run()
    t.ok(room.heard().includes('storeBack'))
    t.equal(room.stores.length, 1, 'the connection stays')
    t.not(room.store.holder, holder, 'what only the lost ledger knew ends with the old epoch')
    const empty = room.askPresence({ kind: 'held', shard: 0 })
    await room.run()
    t.same(await empty, [])
    const again = room.assert([ANN])
    await room.run()
    await again
    const held = room.askPresence({ kind: 'held', shard: 0 })
    await room.run()
    t.same(await held, [{ userId: 'ann', platformIds: [Platform.IOS] }])
  },
)

t.test('token-sync: what it believed is asked again', async (t) => {
  const room = await SyncRoom.open()
  await room.backend.tokens.set('ann', 1, 'token', 'normal', HOUR_S)
  const lookups = async () => {
    const checked = room.checkToken('token')
    await room.run(1)
    t.equal(await checked, 'normal')
    return room.store.calls.filter((call) => call === 'tokenState').length
  }
  t.same([await lookups(), await lookups()], [1, 1], 'a good token is remembered')
  await room.fail(room.addresses.tokenSync)
  t.equal(await lookups(), 2)
})

t.test('token-sync: a login that was let in unchecked is still checked', async (t) => {
  const room = await SyncRoom.open({ authWhenStoreDown: 'allow' })
  room.store.isSilent = true
  const checked = room.checkToken('kicked', true)
  await room.run(1)
  t.equal(await checked, 'normal', 'there is no answer')
  await room.backend.tokens.kick('ann', 1, ['kicked'], ADMIN_KICK, HOUR_S).saved
  room.store.isSilent = false
  room.heard()
  await room.fail(room.addresses.tokenSync)
  t.same(room.heard(), ['withdrawn'])
})

t.test(
  'cluster-sync: a new connection and a new epoch, and the shards assert everything again',
  async (t) => {
    const room = await SyncRoom.open()
    await room.run()
    const { holder } = room.store
    room.heard()
    await room.fail(room.addresses.clusterSync)
    t.equal(room.stores.length, 2)
    t.not(room.store.holder, holder)
    t.ok(room.heard().includes('storeBack'))
    const asserted = room.assert([ANN])
    await room.run()
    t.match(await asserted, [{ ok: true }])
    t.same(room.store.calls.at(-1), 'assert', 'the others ask the new store')
  },
)
