/** A few faults of a single Redis; `npm run test:chaos` has all of them, on every form. */
import t from 'tap'
import { befall, Crowd } from './chaos.js'
import { FAULTS } from './faults.js'
import { startPlace } from './places.js'

const SMALL = ['READONLY', 'ACL: no channels', 'another, empty server behind the name']

t.test('two nodes on a Redis that answers and does not serve', async (t) => {
  const place = await startPlace(t, 'single')
  const crowd = new Crowd(place)
  await crowd.come()
  for (const [round, name] of SMALL.entries()) {
    await t.test(name, async (t) => {
      const fault = FAULTS.single.find((candidate) => candidate.name === name)!
      t.same(await befall(place, crowd, fault, round), [])
    })
  }
})
