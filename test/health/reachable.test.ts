/** A server that refused a write was connected to anew, and taken for a good one until half a lease had passed. */
import t from 'tap'
import { SyncRoom } from '../sync/room.js'

t.test(
  'a store that is reachable again after it refused a write does not serve until one works',
  async (t) => {
    const room = await SyncRoom.open()
    t.ok(room.health.isUp)

    room.store.refusesWrites = true
    while (!room.store.calls.includes('refused')) await room.run(10)
    t.ok(room.health.isUp, 'one renewal may fail')
    room.events.reachable(false, 'NOREPLICAS')
    await room.run(1)
    t.notOk(room.health.isUp)

    room.events.reachable(true, 'connected')
    for (let ms = 0; ms < 3_000; ms++) {
      await room.run(1)
      if (room.health.isUp) return t.fail(`it serves ${ms} ms after it could be reached`)
    }
    t.equal(room.health.store?.reason, 'NOREPLICAS')

    room.store.refusesWrites = false
    await room.run(5_000)
    t.ok(room.health.isUp)
  },
)
