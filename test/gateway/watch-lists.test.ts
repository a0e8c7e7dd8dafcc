/** Lists of request 2005: as long as a connection may watch, in one request; and no list is worth more than its share. */
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type { OpenimClient } from '../../src/sdk/openim-client.js'
import { seesOn, TestNode } from '../support/node.js'

const POLICY_VIOLATION = CloseCode.PolicyViolation

type Lists = { watch?: string[]; unwatch?: string[] }

function ask(client: OpenimClient, { watch = [], unwatch = [] }: Lists) {
  const data = SubUserOnlineStatus.encode({ subscribeUserID: watch, unsubscribeUserID: unwatch }).finish()
  return client.request(RequestId.SubscribeStatus, data)
}

const codeOf = async (client: OpenimClient, lists: Lists) => (await ask(client, lists)).errCode

function names(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`)
}

t.test('lists over the limit are refused before they are read, and cost no other', async (t) => {
  const node = await TestNode.start(t, { WATCHES_PER_CONNECTION_MAX: '100' })
  const client = await node.login('ann', Platform.Web)
  t.equal(await codeOf(client, { watch: names(100, 'x') }), 0)
  const refused: Lists[] = [
    { watch: names(101, 'y') },
    { watch: ['x-1'], unwatch: names(101, 'x') },
    { watch: Array<string>(101).fill('x-1') },
    { unwatch: Array<string>(10_000).fill('x-1') },
  ]
  for (const lists of refused) t.equal(await codeOf(client, lists), WireCode.TooManyWatches)
  const bob = await node.login('x-1', Platform.Android)
  await seesOn(client, 'x-1', [Platform.Android])
  t.same(await client.subscribe(['x-2', 'x-1', 'x-2', 'x-1']), [
    { userID: 'x-2', onlinePlatformIDs: [] },
    { userID: 'x-1', onlinePlatformIDs: [Platform.Android] },
  ])
  await bob.close()
  t.ok((await node.metric('porchlight_over_share_total', 'reason="list"')) === refused.length)
})

/** One ID that is not taken cost the whole list. */
t.test('IDs that nobody can have are answered as offline, and the others are watched', async (t) => {
  const node = await TestNode.start(t)
  const client = await node.login('ann', Platform.Web)
  const odd = ['', '{3F2504E0-4F89-11D3}', '@bob:example.org', 'a\nb', 'x'.repeat(129), 'ünïcode']
  const statuses = await client.subscribe(['bob', ...odd])
  t.same(
    statuses.map(({ userID }) => userID),
    ['bob', ...odd],
  )
  t.ok(statuses.every(({ onlinePlatformIDs }) => onlinePlatformIDs.length === 0))
  await node.login('bob', Platform.Android)
  await seesOn(client, 'bob', [Platform.Android])
  t.equal(await node.metric('porchlight_subscriptions'), 2, 'bob, and the one that is only odd')
  t.equal(await codeOf(client, { unwatch: ['@bob:example.org', ''] }), 0)
})

t.test('new watches are bounded for a connection and for a user; those that go on are not', async (t) => {
  const node = await TestNode.start(t, {
    WATCHES_PER_CONNECTION_MAX: '50',
    NEW_WATCHES_PER_MIN: '100',
    NEW_WATCHES_PER_MIN_PER_USER: '150',
  })
  const codes = async (client: OpenimClient) => {
    const answers: number[] = []
    for (let turn = 0; turn < 4; turn++) {
      await codeOf(client, { unwatch: names(50, `${turn - 1}`) })
      answers.push(await codeOf(client, { watch: names(50, `${turn}`) }))
    }
    return answers
  }
  const first = await node.login('churner', Platform.Android)
  await codeOf(first, { watch: names(50, '0') })
  for (let n = 0; n < 10; n++) {
    t.equal(await codeOf(first, { watch: names(50, '0') }), 0, 'what is watched already is not new')
  }
  t.same(await codes(first), [0, 0, WireCode.TooManyRequests, WireCode.TooManyRequests])
  const second = await node.login('churner', Platform.Android)
  t.same(await codes(second), [
    0,
    WireCode.TooManyRequests,
    WireCode.TooManyRequests,
    WireCode.TooManyRequests,
  ])
  const other = await node.login('somebody else', Platform.Android)
  t.same((await codes(other)).slice(0, 2), [0, 0])
  t.ok((await node.metric('porchlight_over_share_total', 'reason="newWatches"')) >= 5)
})

/** A request counted as one, whatever it weighed. */
t.test('frames that unpack to much, or list many, are closed as a flood before they are read', async (t) => {
  const node = await TestNode.start(t)
  const bystander = await node.login('bystander', Platform.Web)
  const heavy: [string, Uint8Array, number][] = [
    ['unwatch one user 129,000 times', listOf(2, 129_000), WireCode.TooManyWatches],
    ['watch one user 129,000 times', listOf(1, 129_000), WireCode.TooManyWatches],
    ['unknown fields', new Uint8Array(Buffer.alloc(387_000, Buffer.from([0x18, 0x00]))), WireCode.ArgsError],
  ]
  for (const [what, data, errCode] of heavy) {
    await t.test(what, async (t: Test) => {
      // Users of their own: the debt of one is not the next one's.
      const client = await node.login(`heavy ${errCode} ${what.length}`, Platform.Android, {
        sdkType: 'js',
        compression: true,
      })
      const closed = once(client, 'close')
      // The first is answered; of those that follow in one burst perhaps none.
      const codes = [(await client.request(RequestId.SubscribeStatus, data)).errCode]
      for (let n = 1; n < 40; n++) {
        void client.request(RequestId.SubscribeStatus, data).then(
          (answer) => codes.push(answer.errCode),
          () => {},
        )
      }
      t.same((await closed)[0], POLICY_VIOLATION)
      t.ok(codes.length < 10, `${codes.length} were read`)
      t.same([...new Set(codes)], [errCode])
      t.equal(await bystander.ping('here'), 'here')
    })
  }
  t.equal(await node.metric('porchlight_over_share_total', 'reason="unread"'), heavy.length)
})

function listOf(field: number, count: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(3 * count, Buffer.from([(field << 3) | 2, 1, 0x78])))
}
