/** How long do a sender and a receiver wait, when nothing else goes on? */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSecondsOf } from '../test/support/proc.js'
import { EngineChats, startChats } from './support/chats.js'
import { defineBenchmark, figure } from './support/figures.js'
import { percentile } from './support/measure.js'
import { withScope } from './support/scope.js'

const COMMIT = 'bare commit of a message'
/** Before each send and each commit: both find a quiet system, whose cores have slept. */
const QUIET_MS = 5

export const messageLatency = defineBenchmark({
  name: 'message-latency',
  question: 'from a send to its answer, and to the push at the receiver on the same node, system quiet',
  sizes: {
    /** Of one pair, one after another. */
    sends: 100,
    /** At once before: a node that has served nobody yet runs cold code. */
    warmUps: 5_000,
    rounds: 5,
  },
  fullSizes: { sends: 500, rounds: 9 },
  run: (sizes) =>
    withScope(async (scope) => {
      const { gateway, crowd } = await startChats(scope, 2)
      const engine = new EngineChats(scope, 2)
      engine.sends(sizes.warmUps, 1)()
      await crowd.exchange(sizes.warmUps)
      const round = async () => {
        const commits = Array.from({ length: sizes.sends }, () => engine.sends(1, 1))
        const replies: number[] = []
        const pushes: number[] = []
        const bare: number[] = []
        const cpuBefore = cpuSecondsOf(gateway.pid)
        for (const [n, commit] of commits.entries()) {
          const { replyMs, pushMs } = await crowd.one(n % 2)
          replies.push(replyMs)
          pushes.push(pushMs)
          await sleep(QUIET_MS)
          const startMs = performance.now()
          commit()
          bare.push(performance.now() - startMs)
          await sleep(QUIET_MS)
        }
        const cpuUs = ((cpuSecondsOf(gateway.pid) - cpuBefore) * 1e6) / sizes.sends
        return { replies: sorted(replies), pushes: sorted(pushes), bare: sorted(bare), cpuUs }
      }
      await round()
      const rounds: Awaited<ReturnType<typeof round>>[] = []
      for (let at = 0; at < sizes.rounds; at++) rounds.push(await round())

      const part = (of: 'replies' | 'pushes' | 'bare', percent: number) =>
        rounds.map((one) => percentile(one[of], percent / 100))
      const row = (name: string, of: 'replies' | 'pushes', percent: number) =>
        figure({
          name: `${name}, p${percent}`,
          unit: 'ms',
          ours: part(of, percent),
          ...(percent === 50 ? { latenciesMs: rounds.flatMap((one) => [...one[of]]) } : {}),
          ...(percent === 50 ? { cpuUs: rounds.map(({ cpuUs }) => cpuUs) } : {}),
          ceiling: { name: COMMIT, values: part('bare', percent) },
        })
      const bareP50 = part('bare', 50)
      const beyond = (of: 'replies' | 'pushes') => part(of, 50).map((ms, at) => ms - bareP50[at]!)
      const goal = { atMost: 1 }
      return [
        row('send to reply', 'replies', 50),
        row('send to reply', 'replies', 99),
        row('send to push', 'pushes', 50),
        row('send to push', 'pushes', 99),
        figure({
          name: 'send to reply beyond a bare commit, p50',
          unit: 'ms',
          ours: beyond('replies'),
          goal,
        }),
        figure({ name: 'send to push beyond a bare commit, p50', unit: 'ms', ours: beyond('pushes'), goal }),
      ]
    }),
})

function sorted(values: number[]): Float64Array {
  return Float64Array.from(values).sort()
}
