import fc from 'fast-check'
import t from 'tap'
import { hashOf, shardOf } from '../../src/rules/placement.js'

t.test('a user has the same hash on every thread, node and release', async (t) => {
  // Golden: a change here moves every user to another shard while nodes of two releases run side by side.
  const golden: [string, number][] = [
    ['', 2_872_998_923],
    ['a', 444_641_715],
    ['ann', 2_778_018_533],
    ['user-1', 2_005_895_916],
    ['user-2', 853_201_105],
    ['1234567890', 4_154_613_780],
    ['Zoë', 1_137_292_642],
    ['日本', 236_567_117],
    ['🙂', 2_208_423_841],
  ]
  for (const [userId, hash] of golden) t.equal(hashOf(userId), hash, userId)
})

t.test('every user has one shard of those there are', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 1_024 }), (userId, shards) => {
      const shard = shardOf(userId, shards)
      return Number.isInteger(shard) && shard >= 0 && shard < shards && shard === shardOf(userId, shards)
    }),
  )
})

const families: { name: string; userIdOf: (n: number) => string }[] = [
  { name: 'numbers', userIdOf: (n) => String(n) },
  { name: 'OpenIM numbers', userIdOf: (n) => String(1_000_000_000 + n * 7) },
  { name: 'names with a number', userIdOf: (n) => `user-${n}` },
  { name: 'UUID-like', userIdOf: (n) => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000` },
]
for (const { name, userIdOf } of families) {
  t.test(`${name} are spread evenly over shards, whatever their number`, async (t) => {
    const users = 100_000
    for (const shards of [2, 3, 8, 10, 64, 256]) {
      const counts = new Array<number>(shards).fill(0)
      for (let n = 0; n < users; n++) counts[shardOf(userIdOf(n), shards)]!++
      // Five standard deviations of a fair throw: a hash that leans shows at once, chance never does.
      const fair = users / shards
      const slack = 5 * Math.sqrt(fair)
      const worst = Math.max(...counts.map((count) => Math.abs(count - fair)))
      t.ok(worst <= slack, `${shards} shards: off by ${Math.round(worst)} of ${Math.round(fair)}`)
    }
  })
}
