import t from 'tap'
import { NodeName, type Rival } from '../../src/rules/cluster/node-name.js'

const LEASE_MS = 10_000
const alive: Rival = { holder: 'gw#2', leaseLeftMs: 9_000 }
const ended: Rival = { holder: 'gw#2', leaseLeftMs: 0 }

t.test('a lease that nobody else has is taken again, however often', (t) => {
  const name = new NodeName(LEASE_MS)
  for (let n = 0; n < 5; n++) t.ok(name.mayTake(undefined, 100, n))
  t.ok(name.mayTake(ended, 100, 6), 'nor is one that its holder let end')
  t.notOk(name.isAside)
  t.end()
})

t.test('a name is taken back once, and given up when it is lost again', (t) => {
  const name = new NodeName(LEASE_MS)
  t.ok(name.mayTake(alive, 3_000, 0), 'the newcomer may have been a start that failed')
  t.notOk(name.mayTake(alive, 3_000, 6_000))
  t.ok(name.isAside)
  t.notOk(name.mayTake(alive, 9_000, 12_000), 'while the other is there')
  t.end()
})

t.test('two losses that are far apart are no contest', (t) => {
  const name = new NodeName(LEASE_MS)
  t.ok(name.mayTake(alive, 3_000, 0))
  t.ok(name.mayTake(alive, 3_000, 200_000))
  t.end()
})

t.test('a process that was away and was replaced stands aside at once', (t) => {
  const name = new NodeName(LEASE_MS)
  t.notOk(name.mayTake(alive, 60_000, 60_000))
  t.ok(name.isAside)
  t.end()
})

t.test('the name is taken again when the other has left, or is seen twice without a lease', (t) => {
  const left = new NodeName(LEASE_MS)
  left.mayTake(alive, 60_000, 0)
  t.ok(left.mayTake(undefined, 60_000, 1))
  t.notOk(left.isAside)
  const died = new NodeName(LEASE_MS)
  died.mayTake(alive, 60_000, 0)
  t.notOk(died.mayTake(ended, 60_000, 1), 'the store may be back before its nodes')
  t.notOk(died.mayTake(alive, 60_000, 2))
  t.notOk(died.mayTake(ended, 60_000, 3))
  t.ok(died.mayTake(ended, 60_000, 4))
  t.notOk(died.isAside)
  t.end()
})

t.test('of two processes with one name exactly one keeps it, after a bounded number of losses', (t) => {
  for (let seed = 0; seed < 200; seed++) {
    const names = [new NodeName(LEASE_MS), new NodeName(LEASE_MS)]
    let owner = seed % 2
    let losses = 0
    for (let nowMs = 0; nowMs < 200_000; nowMs += 1_000 + ((seed * 7 + nowMs) % 2_400)) {
      const loser = 1 - owner
      if (names[loser]!.isAside) {
        t.notOk(names[loser]!.mayTake(alive, 99_000, nowMs))
        continue
      }
      losses++
      if (names[loser]!.mayTake(alive, 3_000, nowMs)) owner = loser
    }
    if (losses > 4 || names[0]!.isAside === names[1]!.isAside) t.fail(`seed ${seed}: ${losses} losses`)
  }
  t.end()
})
