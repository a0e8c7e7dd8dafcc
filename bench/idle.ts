/** What does an idle logged-in connection cost that is pinged now and then? */
import { setTimeout as sleep } from 'node:timers/promises'
import { Platform } from '../src/openim/platforms.js'
import { loginPath } from '../src/sdk/light-client.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { startRedis } from '../test/support/redis.js'
import { CountingCrowd } from './crowd/counting.js'
import { defineBenchmark, figure, short } from './support/figures.js'
import { startGateway } from './support/gateway.js'
import { medianOf, mustBe } from './support/measure.js'
import { makeTokens, recordTokens } from './support/records.js'
import { withScope } from './support/scope.js'

/** Of READ_TIMEOUT_MS: when such a client is pinged. */
const PING_PART = 0.9
/** What the figure is about. */
const PING_EVERY_S = 30
/** Of each round: two of each connection. */
const PINGS = 2
/** Connections that come together, while all of them spread over a period. */
const SLICE_MS = 50

export const idle = defineBenchmark({
  name: 'idle',
  question: 'CPU of an idle logged-in connection that is pinged each 30 s',
  sizes: {
    connections: 2_000,
    /** Shorter than what the figure is about, so that few connections get as many pings a second as many would. */
    pingMs: 3_000,
    rounds: 3,
  },
  fullSizes: { connections: 15_000, pingMs: 30_000, rounds: 2 },
  run: (sizes) =>
    withScope(async (scope) => {
      const userIds = Array.from({ length: sizes.connections }, (_, n) => `user-${n}`)
      const tokens = await makeTokens(userIds, Platform.Web)
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      await recordTokens(redis.client(), tokens)
      const env = { REDIS_URL: redis.url, READ_TIMEOUT_MS: String(Math.ceil(sizes.pingMs / PING_PART)) }
      const [gateway, empty] = await Promise.all([
        startGateway(scope, { env: { ...env, NODE_ID: 'bench' } }),
        startGateway(scope, { env: { ...env, NODE_ID: 'bench-empty' } }),
      ])
      const crowd = CountingCrowd.start(scope)
      const paths = tokens.map(loginPath)
      await openSpread(crowd, gateway.wsPort, paths, sizes.pingMs)

      const round = async (pings: number): Promise<Round> => {
        const complete = await crowd.expectPings('gateway', pings)
        const startMs = performance.now()
        const before = { ours: cpuSecondsOf(gateway.pid), empty: cpuSecondsOf(empty.pid) }
        await complete()
        const seconds = (performance.now() - startMs) / 1_000
        const oursUs = (cpuSecondsOf(gateway.pid) - before.ours) * 1e6
        const emptyUs = (cpuSecondsOf(empty.pid) - before.empty) * 1e6
        const counted = await crowd.count('gateway')
        mustBe(await gateway.metric('porchlight_connections'), sizes.connections, 'connections')
        return { pingUs: (oursUs - emptyUs) / counted.pings, emptyUs: emptyUs / seconds }
      }
      await round(1)
      const rounds: Round[] = []
      for (let n = 0; n < sizes.rounds; n++) rounds.push(await round(PINGS))
      const emptyUs = medianOf(rounds.map((one) => one.emptyUs))
      const pingUs = medianOf(rounds.map((one) => one.pingUs))
      return [
        figure({
          name: 'idle connection, CPU a second at a ping each 30 s',
          unit: 'µs',
          ours: rounds.map((one) => one.pingUs / PING_EVERY_S),
          goal: { atMost: 1, of: 'value' },
          notes: [
            `${short(pingUs)} µs from one ping to the next, without the ${short(emptyUs)} µs a second that an ` +
              'empty gateway used meanwhile',
            ...(sizes.pingMs === PING_EVERY_S * 1_000
              ? []
              : [`scaled: they were pinged each ${short(sizes.pingMs / 1_000)} s`]),
          ],
        }),
      ]
    }),
})

interface Round {
  /** Of one connection, from one ping to the next. */
  pingUs: number
  /** Of the empty gateway, a second. */
  emptyUs: number
}

/** All come within a period, so that pings are spread over it as those of clients are who came by themselves. */
async function openSpread(
  crowd: CountingCrowd,
  port: number,
  paths: string[],
  periodMs: number,
): Promise<void> {
  const slices = Math.ceil(periodMs / SLICE_MS)
  const startMs = performance.now()
  for (let n = 0; n < slices; n++) {
    const part = paths.slice(partOf(n), partOf(n + 1))
    if (part.length > 0) await crowd.open('gateway', port, part, { isGreeted: true, atOnce: 1 })
    await sleep(Math.max(0, startMs + (n + 1) * SLICE_MS - performance.now()))
  }

  function partOf(slice: number): number {
    return Math.round((paths.length * slice) / slices)
  }
}
