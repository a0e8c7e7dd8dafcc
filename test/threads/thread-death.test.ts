import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { ThreadInfo } from '../../src/runtime/thread-host.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'

const GRACE_MS = 500

function thread(node: TestNode, role: string, index = 0): ThreadInfo {
  return node.supervisor.host.threads.find((info) => info.role === role && info.index === index)!
}

/** Wait until a thread of the role was hosted anew and everything is ready again. */
async function hostedAnew(node: TestNode, role: string): Promise<void> {
  await eventually(() => (node.supervisor.host.restarts[role]! > 0 ? true : undefined))
  await eventually(async () => ((await node.supervisor.readiness()).ready ? true : undefined))
}

for (const fault of ['throw', 'fillHeap'] as const) {
  const how = fault === 'throw' ? 'throws' : 'runs out of heap'

  t.test(
    `a shard thread that ${how} is hosted anew, its state rebuilt, no client disconnected`,
    async (t) => {
      const node = await TestNode.start(t, {
        OFFLINE_GRACE_MS: String(GRACE_MS),
        THREAD_HEAP_MB: '128',
        SHARD_THREADS: '1',
      })
      const watcher = await node.login('watcher', Platform.Web)
      const ids = Array.from({ length: 20 }, (_, n) => `user-${n}`)
      const users = await Promise.all(ids.map((id) => node.login(id, Platform.Android)))
      await watcher.subscribe([...ids, 'late'])
      for (const id of ids) await seesOn(watcher, id, [Platform.Android])

      node.supervisor.host.control(thread(node, 'shard')).fault(fault)
      // This goodbye may fall into the time in which nobody owns the user.
      await users[0]!.close()
      await hostedAnew(node, 'shard')

      t.same(
        [watcher, ...users.slice(1)].map((client) => client.closeCode),
        new Array(users.length).fill(undefined),
        'no client was disconnected',
      )
      await seesOn(watcher, 'user-0', [])
      const late = await node.login('late', Platform.Android)
      await seesOn(watcher, 'late', [Platform.Android])
      await users[1]!.close()
      await seesOn(watcher, 'user-1', [])
      for (const id of ids.slice(2)) t.same(toldOf(watcher, id), ['2'], `${id} never appeared to leave`)
      await late.close()
    },
  )
}

const LAYOUTS = [
  { name: 'an io thread', shardThreads: '1' },
  { name: 'an io thread with shards', shardThreads: '0' },
]

for (const { name, shardThreads } of LAYOUTS)
  t.test(`${name} that throws loses only its own sockets, and the process lives`, async (t) => {
    const node = await TestNode.start(t, {
      OFFLINE_GRACE_MS: String(GRACE_MS),
      IO_THREADS: '2',
      SHARD_THREADS: shardThreads,
    })
    const clients = await Promise.all(
      Array.from({ length: 24 }, (_, n) => node.login(`user-${n}`, Platform.Android)),
    )
    // One, where this machine can only run the portable transport.
    const ioThreads = node.supervisor.host.threads.filter(({ role }) => role === 'io').length
    node.supervisor.host.control(thread(node, 'io', ioThreads - 1)).fault('throw')
    await hostedAnew(node, 'io')
    const lost = await eventually(() => {
      const closed = clients.filter((client) => client.closeCode !== undefined)
      return closed.length > 0 ? closed : undefined
    })
    const kept = clients.filter((client) => client.closeCode === undefined)
    t.equal(kept.length > 0, ioThreads > 1, `${kept.length} of ${clients.length} sockets live on`)
    const watcher = kept[0] ?? (await node.login('watcher', Platform.Web))
    await watcher.subscribe(['user-new'])
    const again = await node.login('user-new', Platform.Android)
    await seesOn(watcher, 'user-new', [Platform.Android])
    await again.close()
    await seesOn(watcher, 'user-new', [])
    const lostId = `user-${clients.indexOf(lost[0]!)}`
    const reply = await watcher.subscribe([lostId])
    if (reply[0]!.onlinePlatformIDs.length > 0) await seesOn(watcher, lostId, [])
    t.pass('users of the lost thread are offline after the grace')
  })

t.test('a sync thread that throws comes back with a new epoch, and nobody appears to leave', async (t) => {
  const node = await TestNode.start(t)
  const watcher = await node.login('watcher', Platform.Web)
  const user = await node.login('ann', Platform.Android)
  await watcher.subscribe(['ann', 'bob'])
  await seesOn(watcher, 'ann', [Platform.Android])
  node.supervisor.host.control(thread(node, 'sync')).fault('throw')
  await hostedAnew(node, 'sync')
  await node.login('bob', Platform.Android, { token: await node.token('bob', Platform.Android) })
  await seesOn(watcher, 'bob', [Platform.Android])
  t.same(toldOf(watcher, 'ann'), ['2'])
  await user.close()
  await seesOn(watcher, 'ann', [])
})
