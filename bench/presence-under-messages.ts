/** How fast do watchers hear of a change while the same gateway takes messages at its full rate? */
import { Platform } from '../src/openim/platforms.js'
import { loginPath } from '../src/sdk/light-client.js'
import { ChangingCrowd } from './crowd/changing.js'
import { MessagingCrowd } from './crowd/messaging.js'
import { talkerIds } from './support/chat-pairs.js'
import { record, TALKER_LIMITS } from './support/chats.js'
import { defineBenchmark, figure, short } from './support/figures.js'
import { startGateway } from './support/gateway.js'
import { medianOf, mustBe, percentile } from './support/measure.js'
import { makeTokens } from './support/records.js'
import { withScope } from './support/scope.js'

/** Between changes, so that each finds those before it settled. */
const PAUSE_MS = 5

export const presenceUnderMessages = defineBenchmark({
  name: 'presence-under-messages',
  question:
    'from a login or a close to the push at a watcher on the same node, under a full load of messages',
  sizes: {
    /** Who send messages all the time; an even number. */
    talkers: 2_000,
    /** Who come and go, one after another. */
    users: 100,
    changes: 200,
    warmUps: 2_000,
    rounds: 5,
  },
  fullSizes: { changes: 500, rounds: 9 },
  run: (sizes) =>
    withScope(async (scope) => {
      const names = (word: string, count: number) => Array.from({ length: count }, (_, n) => `${word}-${n}`)
      const talkers = await makeTokens(talkerIds(sizes.talkers), Platform.Android)
      const users = await makeTokens(names('user', sizes.users), Platform.Android)
      const watchers = await makeTokens(names('watcher', 1), Platform.Web)
      const gateway = await startGateway(scope, {
        env: { ...TALKER_LIMITS, TOKEN_CACHE_S: '3600' },
        prepare: (dataDir) => record(dataDir, [...talkers, ...users, ...watchers]),
      })
      const port = gateway.wsPort
      const crowd = MessagingCrowd.start(scope)
      await crowd.come(port, talkers.map(loginPath), talkerIds(sizes.talkers))
      const changes = await ChangingCrowd.start(
        scope,
        { port, accounts: users },
        { port, accounts: watchers },
      )
      await changes.saturate(sizes.warmUps, Math.min(sizes.users, 64))
      const round = async () => {
        const quiet = await changes.oneByOne(sizes.changes, PAUSE_MS)
        const before = await gateway.metric('porchlight_messages_sent_total')
        const stop = await crowd.begin()
        const loaded = await changes.oneByOne(sizes.changes, PAUSE_MS)
        const { sends, seconds } = await stop()
        const sent = (await gateway.metric('porchlight_messages_sent_total')) - before
        mustBe(sent, sends, 'messages by the gateway')
        return { quiet: quiet.latenciesMs.sort(), loaded: loaded.latenciesMs.sort(), rate: sends / seconds }
      }
      await round()
      const rounds: Awaited<ReturnType<typeof round>>[] = []
      for (let at = 0; at < sizes.rounds; at++) rounds.push(await round())

      const part = (of: 'quiet' | 'loaded', percent: number) =>
        rounds.map((one) => percentile(one[of], percent / 100))
      const rate = short(medianOf(rounds.map((one) => one.rate)))
      return [
        figure({
          name: 'change to push under messages, p50',
          unit: 'ms',
          ours: part('loaded', 50),
          latenciesMs: rounds.flatMap(({ loaded }) => [...loaded]),
          ceiling: { name: 'itself quiet, p50', values: part('quiet', 50) },
          goal: { atMost: 3 },
          notes: [`${rate} messages a second meanwhile; they, the changes and all clients share the cores`],
        }),
        figure({
          name: 'change to push under messages, p99',
          unit: 'ms',
          ours: part('loaded', 99),
          ceiling: { name: 'itself quiet, p99', values: part('quiet', 99) },
        }),
      ]
    }),
})
