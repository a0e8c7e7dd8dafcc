/** What other nodes are told, until they have confirmed it. */
import t from 'tap'
import type { Delivery } from '../../../src/rules/messages/types.js'
import { Ways } from '../../../src/rules/messages/ways.js'

const living = () => false

function delivery(bytes: number): Delivery {
  return {
    conversationId: 'si_ann_bob',
    seq: 1,
    sentMs: 0,
    previousMs: 0,
    body: new Uint8Array(bytes),
    senderId: 'ann',
    userIds: ['bob'],
    operationId: 'op',
  }
}

t.test('what is not confirmed is repeated after 1, 2 and 4 s, and then given up', async (t) => {
  const ways = new Ways()
  const [parcel] = ways.tell('b#1', [delivery(10), delivery(10)], ['o1'], 0)
  t.same(ways.due(999, living), { again: [], unreached: 0 })
  t.same(
    ways.due(1_000, living).again.map(({ id }) => id),
    [parcel!.id],
  )
  t.equal(ways.due(2_999, living).again.length, 0)
  t.equal(ways.due(3_000, living).again.length, 1)
  t.same(ways.due(7_000, living), { again: [], unreached: 2 })
  t.equal(ways.openCount, 0)
})

t.test('what is confirmed is not repeated', async (t) => {
  const ways = new Ways()
  const [parcel] = ways.tell('b#1', [delivery(10)], ['o1'], 0)
  t.same(ways.confirmed([parcel!.id, 99]), ['o1'])
  t.same(ways.due(60_000, living), { again: [], unreached: 0 })
})

t.test('a node that is gone gets no repeat', async (t) => {
  const ways = new Ways()
  ways.tell('b#1', [delivery(10)], ['o1'], 0)
  t.same(
    ways.due(1_000, (holder) => holder === 'b#1'),
    { again: [], unreached: 1 },
  )
})

t.test('many messages go in parcels of at most a MiB, in their order', async (t) => {
  const ways = new Ways()
  const all = Array.from({ length: 30 }, () => delivery(100_000))
  const parcels = ways.tell('b#1', all, ['o1'], 0)
  t.equal(parcels.length, 3)
  t.same(
    parcels.flatMap(({ deliveries }) => deliveries),
    all,
  )
})

t.test('what waits for a node that does not confirm is bounded', async (t) => {
  const ways = new Ways()
  for (let count = 0; count < 200; count++) ways.tell('b#1', [delivery(1_000_000)], ['o1'], 0)
  t.equal(ways.openCount, 67, '64 MiB of them')
})

t.test('an order is done when all nodes have confirmed', async (t) => {
  const ways = new Ways()
  const [first] = ways.tell('b#1', [delivery(10)], ['o1', 'o2'], 0)
  const [second] = ways.tell('c#1', [delivery(10)], ['o1'], 0)
  t.same(ways.confirmed([first!.id]), ['o2'])
  t.ok(ways.isOpen('o1'))
  t.same(ways.confirmed([second!.id]), ['o1'])
})

t.test('an order with a node that does not confirm is never done', async (t) => {
  const ways = new Ways()
  const [first] = ways.tell('b#1', [delivery(10)], ['o1'], 0)
  ways.tell('c#1', [delivery(10)], ['o1'], 0)
  for (const atMs of [1_000, 3_000, 7_000]) ways.due(atMs, (holder) => holder === 'x')
  t.same(ways.confirmed([first!.id]), [])
})
