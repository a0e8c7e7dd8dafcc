/** The embedded store is a model of the Redis store, in production and in the simulation: both decide alike. */
import t from 'tap'
import { check } from './check.js'
import { FAMILIES } from './steps.js'

const SEQUENCES = 100

for (const family of Object.keys(FAMILIES)) {
  t.test(`${family}: what the embedded store does, the scripts of the Redis store do`, async (t) => {
    const seed = 1 + Math.floor(Math.random() * 2 ** 30)
    t.comment(`seed ${seed}; npm run test:twins -- --seed ${seed} --family ${family}`)
    t.same(await check({ sequences: SEQUENCES, seed, family }), [])
  })
}
