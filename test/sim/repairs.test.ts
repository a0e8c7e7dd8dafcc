/** What parts of a node forget, or never heard, is made good: one loss after the other, each by itself. */
import t from 'tap'
import { PRESENCE_SYNC } from '../../src/protocol/addresses.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { APART, IO_SLOTS, RecordedCluster, SETTINGS, SYNC_SLOT } from './cluster.js'
import { TTL_MIN_S } from './faults.js'
import type { SocketId } from './history.js'

/** Longer than two questions to the store live (3 s each) with the pause between (2 s), and the grace. */
const SETTLE_MS = 9_000 + SETTINGS.offlineGraceMs
/** Records live for so long, and what is watched is read again each third of it. */
const EXPIRY_MS = TTL_MIN_S * 2_000
const SHARD_SLOTS = APART.shard

/** Two nodes with a watcher each of `ann`, who is logged in on the second. */
class Place extends RecordedCluster {
  ann: SocketId = 0
  watchers: SocketId[] = []

  static async open(seed = 1): Promise<Place> {
    const place = new Place({
      seed,
      layout: APART,
      isOneServer: true,
      nodes: 2,
      delayMaxMs: 10,
      presenceTtlS: TTL_MIN_S,
      watchTtlS: TTL_MIN_S,
    })
    await place.run(1_000)
    place.ann = place.enter('ann', 2, 1, 0)!
    await place.run(1_000)
    place.watchers = [0, 1].map((node) => place.watch(['ann'], node, 0)!)
    await place.run(1_000)
    return place
  }

  /** The platforms of `ann` that a watcher was told, oldest first. */
  told(watcher: SocketId): PlatformId[][] {
    return this.toldOf(watcher, 'ann').map(({ platformIds }) => platformIds)
  }

  /** Platforms of the user's sockets. */
  truth(userId: UserId): PlatformId[] {
    const platforms = this.inside()
      .filter((one) => one.userId === userId)
      .map(({ platformId }) => platformId)
    return [...new Set(platforms)].sort((a, b) => a - b)
  }
}

t.test('users of a node that died are offline on other nodes, and told so once', async (t) => {
  const place = await Place.open()
  place.crash(1)
  await place.run(EXPIRY_MS)
  // What the store has no record of any more is version 0, which the watch index takes for old news.
  t.same(place.told(place.watchers[0]!), [[2], []])
})

t.test(
  'a shard that is lost while the store is away does not take users of other nodes for gone',
  async (t) => {
    const place = await Place.open()
    for (const slot of SHARD_SLOTS) place.killThread(0, slot)
    for (const slot of SHARD_SLOTS) place.hostThread(0, slot)
    place.network.setDown(true)
    await place.run(10_000)
    place.network.setDown(false)
    await place.run(SETTLE_MS)
    t.equal(place.truth('ann').join(), '2')
    for (const watcher of place.watchers) t.match(place.told(watcher).join(' '), /^2( 2)*$/)
  },
)

t.test('who left while shard and sync were both lost is offline once the records have expired', async (t) => {
  const place = await Place.open()
  place.leave(place.ann, true)
  const slots = [...SHARD_SLOTS, SYNC_SLOT]
  for (const slot of slots) place.killThread(1, slot)
  for (const slot of slots) place.hostThread(1, slot)
  await place.run(EXPIRY_MS)
  for (const watcher of place.watchers) t.same(place.told(watcher).at(-1), [])
  t.same(place.recordOf('ann'), [])
})

t.test(
  'a user who breaks off and is back on another node within the grace never appears to leave',
  async (t) => {
    const place = await Place.open()
    place.leave(place.ann, false)
    await place.run(SETTINGS.offlineGraceMs / 2)
    place.enter('ann', 2, 0, 1)
    await place.run(SETTLE_MS)
    for (const watcher of place.watchers) t.same(place.told(watcher), [[2]])
    t.same(place.recordOf('ann'), [2])
  },
)

t.test('a shard that is rebuilding tells nothing of users who may only not be announced yet', async (t) => {
  const place = await Place.open()
  const [quiet, watching] = [0, 1]
  place.enter('ann', 5, 0, quiet)
  await place.run(1_000)
  const watcher = place.watch(['ann'], 0, watching)!
  await place.run(1_000)
  const { muted } = place.nodes[0]!
  muted.add(IO_SLOTS[quiet]!)
  for (const slot of SHARD_SLOTS) place.nodes[0]!.poison(slot)
  await place.run(1_000)
  // News of her other devices, while nobody has told the shard of the one that is here.
  place.enter('ann', 3, 1, 0)
  await place.run(1_000)
  muted.clear()
  await place.run(SETTLE_MS)
  t.same(place.told(watcher), [
    [2, 5],
    [2, 3, 5],
  ])
})

t.test('a store that lost every record has them all again, and what it says is believed', async (t) => {
  const place = await Place.open()
  const userIds = Array.from({ length: 30 }, (_, n) => `user-${n}`)
  for (const [n, userId] of userIds.entries()) place.enter(userId, 1 + (n % 3), n % 2, 0)
  await place.run(1_000)
  place.emptyStore()
  for (const node of place.nodes) node.poison(SYNC_SLOT)
  await place.run(SETTLE_MS)
  for (const userId of ['ann', ...userIds]) t.same(place.recordOf(userId), place.truth(userId), userId)
  place.leave(place.ann, true)
  await place.run(1_000)
  for (const watcher of place.watchers) t.same(place.told(watcher).at(-1), [])
})

/**
 * The store is back for a moment now and then: long enough for the other node to renew its lease. Once the old epoch was
 * given up before there was a new one, nobody renewed it, and the other node held it for dead.
 */
t.test(
  'a node that takes a new epoch holds its users under the old one until the store is back',
  async (t) => {
    for (let seed = 1; seed <= 10; seed++) {
      const place = await Place.open(seed)
      await place.run(seed * 330)
      place.nodes[1]!.poison(SYNC_SLOT, [PRESENCE_SYNC])
      for (const [downMs, upMs] of [
        [2_800, 0],
        [300, 45],
        [3_900, 0],
      ] as const) {
        place.network.setDown(true)
        await place.run(downMs)
        place.network.setDown(false)
        await place.run(upMs)
      }
      await place.run(SETTLE_MS)
      t.same(place.told(place.watchers[0]!), [[2]], `seed ${seed}`)
    }
  },
)
