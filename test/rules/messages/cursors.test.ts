/** What an io thread passes on: each message once and in order, whatever the way does to the notes. */
import fc from 'fast-check'
import t from 'tap'
import { Cursors } from '../../../src/rules/messages/cursors.js'
import { COMMIT_MS } from '../../../src/rules/messages/late.js'
import type { Delivery } from '../../../src/rules/messages/types.js'

const CHAT = 'si_ann_bob'
const BEGAN_MS = 1_000_000

/** A minute lies between two messages, or what a test says. */
function delivery(seq: number, sentMs = BEGAN_MS + seq * 60_000, previousMs = sentMs - 60_000): Delivery {
  return {
    conversationId: CHAT,
    seq,
    sentMs,
    previousMs,
    body: new Uint8Array(),
    senderId: 'ann',
    userIds: ['bob', 'ann'],
    operationId: 'op',
  }
}

const seqsOf = (passed: readonly { delivery: Delivery }[]) => passed.map(({ delivery: { seq } }) => seq)

t.test('a message goes on once, and one that was passed on is a repeat', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  t.same(seqsOf(cursors.accept(delivery(5))), [5])
  t.same(seqsOf(cursors.accept(delivery(5))), [])
  t.same(seqsOf(cursors.accept(delivery(4))), [])
  t.same(seqsOf(cursors.accept(delivery(6))), [6])
})

t.test('what is not kept has no place in the order', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  t.same(seqsOf(cursors.accept(delivery(0))), [0])
  t.same(seqsOf(cursors.accept(delivery(0))), [0])
})

t.test('a message that came too early waits for the one before it', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  cursors.accept(delivery(1))
  t.same(seqsOf(cursors.accept(delivery(3))), [])
  t.same(cursors.gapOf(CHAT), { conversationId: CHAT, from: 2, to: 2 })
  t.same(seqsOf(cursors.accept(delivery(2))), [2, 3])
  t.equal(cursors.gapOf(CHAT), undefined)
})

t.test('what was read fills the gap, and is for those alone who were there when it was sent', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  cursors.accept(delivery(1))
  cursors.accept(delivery(4))
  const passed = cursors.fill(CHAT, [delivery(2), delivery(3)], 3)
  t.same(seqsOf(passed), [2, 3, 4])
  t.same(
    passed.map(({ isLate }) => isLate),
    [true, true, false],
  )
})

t.test('what cannot be read holds nothing up', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  cursors.accept(delivery(1))
  cursors.accept(delivery(4))
  t.same(seqsOf(cursors.fill(CHAT, [], 3)), [4])
  t.same(seqsOf(cursors.accept(delivery(3))), [], 'and comes too late later')
})

/** Once a message was lost to those who were there: its gap was taken for read by a look at the gap before it. */
t.test('what was read of a gap that has closed meanwhile says nothing of the next one', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  cursors.accept(delivery(1))
  cursors.accept(delivery(3))
  t.same(seqsOf(cursors.accept(delivery(2))), [2, 3])
  t.same(seqsOf(cursors.accept(delivery(5))), [])
  t.same(seqsOf(cursors.fill(CHAT, [delivery(2)], 2)), [])
  t.same(cursors.gapOf(CHAT), { conversationId: CHAT, from: 4, to: 4 })
  t.same(seqsOf(cursors.accept(delivery(4))), [4, 5])
})

t.test('what was read of a part of a gap leaves the rest', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  cursors.accept(delivery(1))
  cursors.accept(delivery(6))
  t.same(seqsOf(cursors.fill(CHAT, [delivery(2), delivery(3)], 3)), [2, 3])
  t.same(cursors.gapOf(CHAT), { conversationId: CHAT, from: 4, to: 5 })
})

t.test('the first message that a thread hears of may have overtaken a recent one', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  const early = delivery(42, BEGAN_MS + 5_010, BEGAN_MS + 5_000)
  t.same(seqsOf(cursors.accept(early)), [])
  t.same(seqsOf(cursors.fill(CHAT, [delivery(41, BEGAN_MS + 5_000)], 41)), [41, 42])
})

/** Once a message that a node had stored, and not told before it died, was lost where the next one was heard of first. */
t.test('it may also have overtaken what a node that died left in the outbox', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  const next = delivery(2, BEGAN_MS + 40_000, BEGAN_MS + 20_000)
  t.same(seqsOf(cursors.accept(next)), [])
  t.same(seqsOf(cursors.accept(delivery(1, BEGAN_MS + 20_000))), [1, 2])
})

/** Once a message whose commit was late was lost to a device that had come to a new thread meanwhile. */
t.test('or one that was sent before the thread began, and committed later', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  t.same(seqsOf(cursors.accept(delivery(42, BEGAN_MS + 10, BEGAN_MS - 10_000))), [])
  t.same(seqsOf(cursors.fill(CHAT, [delivery(41, BEGAN_MS - 10_000)], 41)), [41, 42])
})

t.test('but not one that was committed before the thread began', async (t) => {
  const cursors = new Cursors(BEGAN_MS)
  t.same(seqsOf(cursors.accept(delivery(42, BEGAN_MS + 10, BEGAN_MS - COMMIT_MS - 10))), [42])
})

t.test(
  'however notes are lost, doubled and moved, messages go on once, in order and without a hole',
  async (t) => {
    const orders = fc
      .integer({ min: 1, max: 40 })
      .chain((count) =>
        fc.tuple(fc.constant(count), fc.array(fc.integer({ min: 1, max: count }), { maxLength: 80 })),
      )
    fc.assert(
      fc.property(orders, ([count, arrivals]) => {
        const cursors = new Cursors(BEGAN_MS)
        const passed = seqsOf(cursors.accept(delivery(1)))
        const readGap = () => {
          const gap = cursors.gapOf(CHAT)
          if (gap === undefined) return
          const all = Array.from({ length: gap.to - gap.from + 1 }, (_, index) => delivery(gap.from + index))
          passed.push(...seqsOf(cursors.fill(CHAT, all, gap.to)))
        }
        for (const [index, seq] of [...arrivals, count].entries()) {
          passed.push(...seqsOf(cursors.accept(delivery(seq))))
          if (index % 7 === 0) readGap()
        }
        while (cursors.gapOf(CHAT) !== undefined) readGap()
        t.same(
          passed,
          Array.from({ length: count }, (_, index) => index + 1),
        )
      }),
    )
  },
)
