/** A short storm of messages; `npm run test:storms` has all of them. */
import t from 'tap'
import { MESSAGE_STORMS, runMessageStorm } from './storms.js'

t.test('a node is killed while all send', async (t) => {
  const seed = Number(process.env.STORM_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.comment(`seed ${seed}`)
  const storm = MESSAGE_STORMS.find(({ name }) => name === 'kill-sqlite')!
  const say = (line: string) => t.comment(line)
  const { problems } = await runMessageStorm(t, storm, { pairs: 20, rounds: 3, seed, say })
  t.same(problems, [])
})
