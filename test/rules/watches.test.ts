import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { ASK_AGAIN_MS, CATCH_UP_MS, Watches } from '../../src/rules/shard/watches.js'
import type { Claim, PlatformId, Snapshot, UserId } from '../../src/rules/types.js'
import { Decided } from './shard-support.js'

const [IO, OTHER_IO] = [0, 1]
const ELSEWHERE = 'node-2#1'

function snapshot(userId: UserId, version: number, platformIds: PlatformId[], holder = ELSEWHERE): Snapshot {
  const claims: Claim[] = platformIds.map((platformId) => ({ platformId, holder }))
  return { userId, version, claims, foreign: [] }
}

/** Watches of a shard that has rebuilt; `shown` may be changed. */
function opened(decided: Decided, shown: Record<UserId, PlatformId[]> = {}): Watches {
  const watches = new Watches('node-1', (userId) => shown[userId] ?? [])
  watches.open(decided.out)
  decided.take()
  return watches
}

t.test(
  'a watcher is told what the store says and what is shown here, and again only when that changed',
  async (t) => {
    const decided = new Decided()
    const shown: Record<UserId, PlatformId[]> = { ann: [Platform.Web] }
    const watches = opened(decided, shown)
    watches.watch(IO, ['ann'], false, decided.out)
    t.same(decided.take(), [{ kind: 'watchStarted', userIds: ['ann'] }], 'nothing is known yet')
    watches.learn([snapshot('ann', 3, [Platform.Android])], 0, decided.out)
    t.same(decided.take(), [
      {
        kind: 'statuses',
        thread: IO,
        statuses: [{ userId: 'ann', platformIds: [Platform.Android, Platform.Web] }],
      },
    ])
    watches.tell(['ann'], decided.out)
    t.same(decided.take(), [])
    shown.ann = []
    watches.tell(['ann', 'nobody'], decided.out)
    t.match(decided.take(), [{ kind: 'statuses', statuses: [{ platformIds: [Platform.Android] }] }])
    watches.changed([snapshot('ann', 2, [Platform.IOS])], ELSEWHERE, 1, decided.out)
    t.same(decided.take(), [], 'older than what is known')
  },
)

t.test('each io thread gets one message for all of its users', async (t) => {
  const decided = new Decided()
  const watches = opened(decided)
  watches.watch(IO, ['ann', 'bob'], false, decided.out)
  watches.watch(OTHER_IO, ['bob'], false, decided.out)
  t.match(decided.takeOf('watchStarted'), [{ userIds: ['ann', 'bob'] }, { userIds: [] }])
  watches.learn([snapshot('ann', 3, [Platform.IOS]), snapshot('bob', 3, [])], 0, decided.out)
  t.same(decided.take(), [
    {
      kind: 'statuses',
      thread: IO,
      statuses: [
        { userId: 'ann', platformIds: [Platform.IOS] },
        { userId: 'bob', platformIds: [] },
      ],
    },
    { kind: 'statuses', thread: OTHER_IO, statuses: [{ userId: 'bob', platformIds: [] }] },
  ])
  watches.watch(OTHER_IO, ['ann'], false, decided.out)
  t.match(decided.takeOf('statuses'), [{ thread: OTHER_IO, statuses: [{ platformIds: [Platform.IOS] }] }])
})

t.test('nobody is told anything before the shard knows its connections, and all of it then', async (t) => {
  const decided = new Decided()
  const watches = new Watches('node-1', () => [Platform.Web])
  watches.watch(IO, ['ann'], true, decided.out)
  watches.learn([snapshot('ann', 3, [])], 0, decided.out)
  t.same(decided.takeOf('statuses'), [])
  watches.open(decided.out)
  t.match(decided.takeOf('statuses'), [{ statuses: [{ userId: 'ann', platformIds: [Platform.Web] }] }])
})

t.test('while the store is away, watchers without an answer get one that says it is partial', async (t) => {
  const decided = new Decided()
  const watches = opened(decided, { ann: [Platform.Web] })
  watches.watch(IO, ['ann'], true, decided.out)
  t.same(decided.takeOf('statuses'), [
    {
      kind: 'statuses',
      thread: IO,
      statuses: [{ userId: 'ann', platformIds: [Platform.Web], isPartial: true }],
    },
  ])
  watches.learn([snapshot('ann', 3, [])], 0, decided.out)
  t.match(decided.takeOf('statuses'), [{ statuses: [{ userId: 'ann', platformIds: [Platform.Web] }] }])
  watches.tellPartially(['ann'], decided.out)
  t.same(decided.take(), [], 'the store has answered by now')
})

t.test('a thread without room is told everything again, after a pause, until it has room', async (t) => {
  const decided = new Decided()
  const watches = opened(decided)
  watches.watch(IO, ['ann', 'bob'], false, decided.out)
  watches.learn([snapshot('ann', 3, [Platform.IOS]), snapshot('bob', 4, [Platform.Web])], 0, decided.out)
  decided.take()
  const pause = { kind: 'arm' as const, due: { timer: 'catchUp' as const }, delayMs: CATCH_UP_MS }
  watches.refused(IO, decided.out)
  watches.refused(IO, decided.out)
  watches.refused(OTHER_IO, decided.out)
  t.same(decided.take(), [pause], 'one timer for all')
  watches.catchUp(decided.out)
  const all = {
    kind: 'statuses',
    thread: IO,
    statuses: [
      { userId: 'ann', platformIds: [Platform.IOS] },
      { userId: 'bob', platformIds: [Platform.Web] },
    ],
  }
  t.same(decided.take(), [all, { kind: 'statuses', thread: OTHER_IO, statuses: [] }])
  watches.refused(IO, decided.out)
  t.same(decided.take(), [pause])
  watches.loseThread(IO, decided.out)
  t.same(decided.take(), [{ kind: 'watchEnded', userIds: ['ann', 'bob'] }])
  watches.catchUp(decided.out)
  t.same(decided.take(), [], 'the thread is gone')
})

t.test('a record that is lost is doubted: its holders are asked, and it is read again', async (t) => {
  const decided = new Decided()
  const watches = opened(decided)
  watches.watch(IO, ['ann', 'bob'], false, decided.out)
  watches.learn([snapshot('ann', 3, [Platform.IOS]), snapshot('bob', 3, [Platform.IOS])], 0, decided.out)
  decided.take()
  watches.learn([snapshot('ann', 0, [])], 10, decided.out)
  t.same(decided.take(), [
    { kind: 'remind', to: ELSEWHERE, userIds: ['ann'] },
    { kind: 'arm', due: { timer: 'confirm' }, delayMs: ASK_AGAIN_MS },
  ])
  watches.learn([snapshot('ann', 0, []), snapshot('bob', 0, [])], 20, decided.out)
  t.same(decided.take(), [{ kind: 'remind', to: ELSEWHERE, userIds: ['bob'] }], 'each once')
  t.same(watches.takeDoubted(), ['ann', 'bob'])
  t.same(watches.takeDoubted(), [])
  watches.holding(ELSEWHERE, [{ userId: 'ann', platformIds: [] }], decided.out)
  t.match(decided.takeOf('statuses'), [{ statuses: [{ userId: 'ann', platformIds: [] }] }])
  watches.nodesLost([ELSEWHERE], decided.out)
  t.match(decided.takeOf('statuses'), [{ statuses: [{ userId: 'bob', platformIds: [] }] }])
})

t.test('what only a renewal found is counted as missed when no message tells of it in time', async (t) => {
  const decided = new Decided()
  const watches = opened(decided)
  watches.watch(IO, ['ann', 'bob', 'cid'], false, decided.out)
  watches.read(
    ['ann', 'bob', 'cid'].map((userId) => snapshot(userId, 3, [])),
    0,
    0,
    decided.out,
  )
  t.equal(watches.takeMissed(60_000), 0, 'a first answer is no find')
  watches.read(
    ['ann', 'bob'].map((userId) => snapshot(userId, 4, [Platform.Web])),
    0,
    0,
    decided.out,
  )
  watches.read([snapshot('cid', 4, [])], 0, 0, decided.out)
  watches.changed([snapshot('bob', 4, [Platform.Web])], ELSEWHERE, 100, decided.out)
  t.equal(watches.takeMissed(60_000), 1, 'of ann no message told; with cid nothing was new')
})

t.test('a list of platforms is news where it differs from what is known of a watched user', async (t) => {
  const decided = new Decided()
  const watches = opened(decided, { ann: [Platform.Web] })
  t.equal(watches.isNews('ann', []), false, 'nobody watches')
  watches.watch(IO, ['ann'], false, decided.out)
  watches.learn([snapshot('ann', 3, [Platform.Android])], 0, decided.out)
  t.equal(watches.isNews('ann', [Platform.Web, Platform.Android]), false)
  t.equal(watches.isNews('ann', [Platform.Android]), true)
})
