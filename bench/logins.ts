/** How many logins a second does a gateway take, from clients it never saw and from those who come back? */
import { Platform } from '../src/openim/platforms.js'
import { startRedis } from '../test/support/redis.js'
import { CountingCrowd } from './crowd/counting.js'
import { defineBenchmark, type Figure, figure, short } from './support/figures.js'
import { type Gateway, startGateway } from './support/gateway.js'
import {
  comeAndGo,
  countedBy,
  gatewayServer,
  type Round,
  rawServer,
  type Server,
  VERDICT,
} from './support/login-rounds.js'
import { interleave, medianOf } from './support/measure.js'
import { RawUws } from './support/raw-uws.js'
import { type IssuedToken, makeTokens, recordTokens, recordTokensInFile } from './support/records.js'
import { withScope } from './support/scope.js'

const NOTHING = new Uint8Array(1)
/** One round of a run follows another within minutes: who comes back must still be known. */
const CACHES = { TOKEN_CACHE_S: '3600' }
const CEILING = 'uWebSockets.js, upgrade and a frame'

export const logins = defineBenchmark({
  name: 'logins',
  question: 'logins a second of a whole gateway, from clients it never saw and from those who come back',
  sizes: {
    /** All of them are logged in at the end of a round. */
    users: 2_000,
    /** Logins on their way at one time. Many: it is the storm after a restart that is asked for. */
    atOnce: 256,
    rounds: 7,
  },
  fullSizes: { users: 5_000, rounds: 9 },
  run: (sizes) =>
    withScope(async (scope) => {
      // Those who come back, and as many for each round of first logins; one round is not measured.
      const returning = await tokensOf('returning', sizes.users)
      const newcomers: IssuedToken[][] = []
      for (let at = 0; at <= sizes.rounds; at++) newcomers.push(await tokensOf(`new-${at}`, sizes.users))
      const issued = [returning, ...newcomers].flat()

      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const client = redis.client()
      await recordTokens(client, issued)
      const onRedis = await startGateway(scope, {
        env: { ...CACHES, REDIS_URL: redis.url, NODE_ID: 'bench' },
      })
      const embedded = await startGateway(scope, {
        env: CACHES,
        prepare: (dataDir) => recordTokensInFile(dataDir, issued),
      })
      const raw = rawServer(await RawUws.start(scope, VERDICT, NOTHING))
      const crowd = CountingCrowd.start(scope)

      const round = (server: Server, group: IssuedToken[]) => comeAndGo(crowd, server, group, sizes.atOnce)
      const waysOf = async (gateway: Gateway, server: Server) => {
        const counted = (group: IssuedToken[], lookups: number) =>
          countedBy(gateway, { logins: group.length, lookups }, () => round(server, group))
        await counted(returning, returning.length)
        const groups = newcomers.values()
        return {
          first: () => counted(groups.next().value as IssuedToken[], sizes.users),
          again: () => counted(returning, 0),
        }
      }
      const redisWays = await waysOf(
        onRedis,
        gatewayServer('a gateway on Redis', onRedis, { pid: redis.pid, client }),
      )
      const embeddedWays = await waysOf(embedded, gatewayServer('a gateway on its own', embedded))
      const ways = {
        raw: () => round(raw, returning),
        redisFirst: redisWays.first,
        redisAgain: redisWays.again,
        embeddedFirst: embeddedWays.first,
        embeddedAgain: embeddedWays.again,
      }
      await interleave(1, ways)
      const rounds = await interleave(sizes.rounds, ways)
      return [
        figureOf('first logins, Redis', rounds.redisFirst, rounds.raw),
        figureOf('reconnects, Redis', rounds.redisAgain, rounds.raw),
        figureOf('first logins, embedded store', rounds.embeddedFirst, rounds.raw),
        figureOf('reconnects, embedded store', rounds.embeddedAgain, rounds.raw),
      ]
    }),
})

function tokensOf(group: string, users: number): Promise<IssuedToken[]> {
  const userIds = Array.from({ length: users }, (_, n) => `${group}-${n}`)
  return makeTokens(userIds, Platform.Android)
}

function figureOf(name: string, ours: Round[], raw: Round[]): Figure {
  const all = (rounds: Round[], part: keyof Round) => rounds.map((round) => round[part])
  const storeUs = medianOf(all(ours, 'storeUs'))
  const store = storeUs > 0 ? `; Redis takes another ${short(storeUs)} µs` : ''
  const crowdUs = short(medianOf(all(ours, 'crowdUs')))
  return figure({
    name,
    unit: '/s',
    ours: all(ours, 'perSecond'),
    cpuUs: all(ours, 'cpuUs'),
    residentMiB: all(ours, 'residentMiB'),
    ceiling: { name: CEILING, values: all(raw, 'perSecond'), cpuUs: all(raw, 'cpuUs') },
    generator: { name: 'the crowd', ours: all(ours, 'crowdPart'), ceiling: all(raw, 'crowdPart') },
    goal: { atLeast: 0.5 },
    notes: [
      `CPU of all threads of the server until its store has everybody${store}, a client of the crowd ${crowdUs} µs`,
    ],
  })
}
