import t from 'tap'
import { LIVE, runLive } from './live.js'

/** `npm run test:fuzz -- --target live` goes on for longer. */
const EXCHANGES = 300
const MS_MAX = 10_000

t.test(LIVE.what, async (t) => {
  t.same(await runLive({ seed: 1, ms: MS_MAX, exchangesMax: EXCHANGES, say: (line) => t.comment(line) }), [])
})
