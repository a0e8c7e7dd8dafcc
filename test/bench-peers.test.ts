/** The bench of peers, at tiny sizes, with what needs nothing installed; and what is not installed is skipped by name. */
import t from 'tap'
import { missingPackages, programPath } from '../bench/peers/installed.js'
import type { Peer } from '../bench/peers/peer.js'
import { peers, presentPeers } from '../bench/peers/peers.js'
import { questionsOf } from '../bench/peers/questions.js'
import { porchlight } from '../bench/peers/servers/porchlight.js'
import { rawUws } from '../bench/peers/servers/raw-uws.js'
import { noNativeTransport } from './support/node.js'

const tiny: Record<string, Record<string, number>> = {
  logins: { users: 20, watch: 3, atOnce: 8, rounds: 1 },
  changes: { watchers: 10, watch: 3, changing: 7, atOnce: 4, rounds: 1 },
  'fan-out': { watchers: 20, toggles: 2, atOnce: 8, rounds: 1 },
  latency: { users: 2, rounds: 1 },
  'latency-across': { users: 2, rounds: 1 },
  memory: { first: 10, next: 10, atOnce: 8, settleMs: 10, rounds: 1 },
}

const questions = questionsOf([porchlight, rawUws])

t.test('each question has a tiny size', async (t) => {
  t.same(
    questions.map(({ name }) => name),
    Object.keys(tiny),
  )
})

for (const question of questions) {
  const sizes = tiny[question.name]!
  t.test(`${question.name}: everybody was told everything, once`, { skip: noNativeTransport }, async (t) => {
    t.same(Object.keys(sizes), Object.keys(question.sizes), 'every size is given')
    const figures = await question.run(sizes)
    // Raw uWebSockets.js has one node.
    t.equal(figures.length > 0, question.name !== 'latency-across')
    for (const { name, ours, ceiling } of figures) {
      t.ok(Number.isFinite(ours.median) && Number.isFinite(ceiling?.median), name)
    }
  })
}

t.test('a peer that is not installed is left out, with what it needs; the others stay', async (t) => {
  const away: Peer = { ...rawUws, key: 'away', name: 'Away', missing: () => 'the package away' }
  const { present, absent } = presentPeers([], [porchlight, away, rawUws])
  t.same(
    present.map(({ key }) => key),
    ['porchlight', 'raw-uws'],
  )
  t.same(
    absent.map(({ peer, missing }) => `${peer.name}: ${missing}`),
    ['Away: the package away'],
  )
})

t.test('Porchlight is always there; a name that nobody has is refused', async (t) => {
  t.same(
    presentPeers(['raw-uws']).present.map(({ key }) => key),
    ['porchlight', 'raw-uws'],
  )
  t.throws(() => presentPeers(['nobody']), /no peer nobody/)
  t.equal(new Set(peers.map(({ key }) => key)).size, peers.length, 'every name is one peer')
})

t.test('what is missing is named', async (t) => {
  t.match(missingPackages('no-such-package'), /npm install .*no-such-package/)
  t.equal(programPath('no-such-program'), undefined)
  t.ok(programPath('sh'))
})
