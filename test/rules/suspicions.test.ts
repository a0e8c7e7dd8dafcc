import t from 'tap'
import { Suspicions } from '../../src/rules/cluster/suspicions.js'

const LEASE_MS = 9_000
const B = { holder: 'b#1', leaseEndMs: 5 }

/** Renewals at these times have told of the node. */
function toldAt(...timesMs: number[]): Suspicions {
  const suspicions = new Suspicions(LEASE_MS)
  for (const atMs of timesMs) suspicions.told([B], atMs)
  return suspicions
}

t.test('who was told of a node for half a lease, each time in turn, names it', async (t) => {
  t.same(toldAt(0).overdue(3_000), [])
  t.same(toldAt(0, 3_000).overdue(6_000), [B])
  t.same(toldAt(0, 3_000).overdue(4_499), [], 'half a lease is not over')
  t.same(toldAt(0, 3_000).overdue(4_500), [B])
})

t.test('renewals that follow each other at once are no turns', async (t) => {
  t.same(toldAt(0, 1_000, 1_300, 1_600).overdue(1_900), [])
})

t.test('a renewal that is late begins anew, for the store may have been away', async (t) => {
  t.same(toldAt(0, 3_000).overdue(7_501), [])
  t.same(toldAt(0, 3_000, 7_501).overdue(10_000), [])
  t.same(toldAt(0, 3_000, 7_501, 10_501).overdue(12_001), [B])
})

t.test('a node that renewed meanwhile is a new suspect, and one that is not told of is none', async (t) => {
  const suspicions = toldAt(0, 3_000)
  const later = { ...B, leaseEndMs: 6 }
  suspicions.told([later], 6_000)
  t.same(suspicions.overdue(9_000), [])
  suspicions.told([later], 9_000)
  t.same(suspicions.overdue(10_500), [later])
  suspicions.told([], 10_500)
  t.same(suspicions.overdue(13_500), [])
})
