import t from 'tap'
import { compareWithModel } from './model.js'

const SEQUENCES = 300

t.test('random histories of logins, tokens, kicks and lost nodes end as the model says', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.comment(`seed ${seed}`)
  await compareWithModel({ seed, sequences: SEQUENCES })
})
