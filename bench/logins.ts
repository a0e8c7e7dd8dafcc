/** How many logins a second does a gateway take, from clients it never saw and from those who come back? */
import { SUCCESS_TEXT } from '../src/gateway/wire-errors.js'
import { startRedis } from '../test/support/redis.js'
import { Crowd, openimPath } from './support/crowd.js'
import { defineBenchmark, type Figure, figure, short } from './support/figures.js'
import { cpuSecondsOf, type Gateway, startGateway } from './support/gateway.js'
import { interleave, medianOf, mustBe } from './support/measure.js'
import { RawUws } from './support/raw-uws.js'
import {
  countOnline,
  type IssuedToken,
  makeTokens,
  recordTokens,
  recordTokensInFile,
} from './support/records.js'
import { withScope } from './support/scope.js'

const ANDROID = 2
const VERDICT = Buffer.from(SUCCESS_TEXT)
const NOTHING = new Uint8Array(1)
/** Rounds of some seconds each: who comes back must still be known. */
const CACHES = { TOKEN_CACHE_S: '3600' }

/** A process that used less than a twentieth of a core for so long has done what was asked of it, ms. */
const QUIET_MS = 50
const QUIET_PART = 0.05
const SETTLED_WITHIN_MS = 20_000

/** Of a core: from here on the crowd itself is what limits the rate. */
const BUSY = 0.9

export const logins = defineBenchmark({
  name: 'logins',
  question: 'logins a second of a whole gateway, from clients it never saw and from those who come back',
  sizes: {
    /** All of them are logged in at the end of a round. */
    users: 2_000,
    rounds: 5,
  },
  run: (sizes) =>
    withScope(async (scope) => {
      // One group comes back again and again. The others are new once: one before what counts, and one a round.
      const groups: IssuedToken[][] = []
      for (let at = 0; at < sizes.rounds + 2; at++) {
        const userIds = Array.from({ length: sizes.users }, (_, n) => `user-${at}-${n}`)
        groups.push(await makeTokens(userIds, ANDROID))
      }
      const [returning, ...fresh] = groups as [IssuedToken[], ...IssuedToken[][]]
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const client = redis.client()
      await recordTokens(client, groups.flat())
      const onRedis = await startGateway(scope, {
        env: { REDIS_URL: redis.url, NODE_ID: 'bench', ...CACHES },
      })
      const embedded = await startGateway(scope, {
        env: CACHES,
        prepare: (dataDir) => recordTokensInFile(dataDir, groups.flat()),
      })
      const raw = await RawUws.start(scope, VERDICT, NOTHING)
      const crowd = Crowd.start(scope)

      const comeAndGo = async (server: Server, group: IssuedToken[]): Promise<Round> => {
        const paths = group.map((issued) => server.pathOf(issued))
        const before = server.pids.map(cpuSecondsOf)
        const { seconds, cpuSeconds } = await crowd.open(server.name, server.port, paths, {
          hearsFrame: true,
        })
        const after = await settledCpu(server, group, group.length)
        const counted = await crowd.count(server.name)
        mustBe(counted.least, 1, `${server.name}: frames of the socket with the fewest`)
        mustBe(counted.bytes, group.length * VERDICT.length, `${server.name}: bytes of all verdicts`)
        await crowd.leave(server.name)
        await settledCpu(server, group, 0)
        const usEach = (cpu: number) => (cpu * 1e6) / group.length
        return {
          perSecond: group.length / seconds,
          cpuUs: usEach(after[0]! - before[0]!),
          storeUs: usEach((after[1] ?? 0) - (before[1] ?? 0)),
          crowdUs: usEach(cpuSeconds),
          crowdPart: cpuSeconds / seconds,
        }
      }
      const rawServer: Server = {
        name: 'raw',
        port: raw.port,
        pids: [raw.pid],
        pathOf: (issued) => `/greet${queryOf(issued)}`,
        clients: async () => ({ connections: (await raw.stats()).connections }),
      }
      const waysOf = async (server: Server, gateway: Gateway) => {
        /** `lookups`: how many tokens the store is asked for. */
        const counting = async (group: IssuedToken[], lookups: number): Promise<Round> => {
          const before = await gateway.metrics(TOTALS)
          const round = await comeAndGo(server, group)
          const after = await gateway.metrics(TOTALS)
          const grown = (name: (typeof TOTALS)[number]) => after[name] - before[name]
          mustBe(grown('porchlight_logins_total'), group.length, `${server.name}: logins`)
          mustBe(grown('porchlight_token_lookups_total'), lookups, `${server.name}: tokens looked up`)
          // In and out; and some are told again meanwhile, for their records to live on.
          const told = grown('porchlight_assertions_total') - grown('porchlight_assertion_errors_total')
          mustBe(
            Math.min(told, group.length * 2),
            group.length * 2,
            `${server.name}: users told to the store`,
          )
          return round
        }
        await counting(returning, returning.length)
        const groupsToCome = fresh.values()
        return {
          first: () => counting(groupsToCome.next().value!, sizes.users),
          again: () => counting(returning, 0),
        }
      }
      const redisWays = await waysOf(
        gatewayServer('Redis', onRedis, [redis.pid], (group) =>
          countOnline(
            client,
            group.map(({ userId }) => userId),
          ),
        ),
        onRedis,
      )
      const embeddedWays = await waysOf(gatewayServer('embedded store', embedded, []), embedded)
      const ways = {
        raw: () => comeAndGo(rawServer, returning),
        redisFirst: redisWays.first,
        redisAgain: redisWays.again,
        embeddedFirst: embeddedWays.first,
        embeddedAgain: embeddedWays.again,
      }
      await interleave(1, ways)
      const rounds = await interleave(sizes.rounds, ways)
      return [
        ...figuresOf('first logins, Redis', rounds.redisFirst, rounds.raw),
        ...figuresOf('reconnects, Redis', rounds.redisAgain, rounds.raw),
        ...figuresOf('first logins, embedded store', rounds.embeddedFirst, rounds.raw),
        ...figuresOf('reconnects, embedded store', rounds.embeddedAgain, rounds.raw),
      ]
    }),
})

interface Server {
  name: string
  port: number
  /** Of the server, and of the store that it has in another process. */
  pids: number[]
  pathOf(issued: IssuedToken): string
  /** How many of a group it has, by each of its records; nobody else is there. */
  clients(group: IssuedToken[]): Promise<Record<string, number>>
}

/** Per login, but for the rate and the part of a core. */
interface Round {
  perSecond: number
  cpuUs: number
  storeUs: number
  crowdUs: number
  crowdPart: number
}

const TOTALS = [
  'porchlight_logins_total',
  'porchlight_token_lookups_total',
  'porchlight_assertions_total',
  'porchlight_assertion_errors_total',
] as const

function gatewayServer(
  name: string,
  gateway: Gateway,
  storePids: number[],
  countInStore?: (group: IssuedToken[]) => Promise<number>,
): Server {
  return {
    name,
    port: gateway.wsPort,
    pids: [gateway.pid, ...storePids],
    pathOf: (issued) => `/${queryOf(issued)}`,
    clients: async (group) => ({
      ...(await gateway.metrics(['porchlight_connections', 'porchlight_online_users'])),
      ...(countInStore === undefined ? {} : { users: await countInStore(group) }),
    }),
  }
}

function queryOf({ userId, platformId, token }: IssuedToken): string {
  return openimPath(userId, platformId, token, true).slice(1)
}

/**
 * CPU seconds of a server's processes by the time when all its records have `count` of the group and there is nothing
 * more to do for it. It is asked only when it is quiet: its answers have a price too.
 */
async function settledCpu(server: Server, group: IssuedToken[], count: number): Promise<number[]> {
  const deadlineMs = performance.now() + SETTLED_WITHIN_MS
  for (;;) {
    const cpu = await quietCpu(server.pids)
    const clients = await server.clients(group)
    if (Object.values(clients).every((found) => found === count)) return cpu
    if (performance.now() > deadlineMs) {
      throw new Error(`${server.name}: ${JSON.stringify(clients)}, expected ${count}`)
    }
  }
}

async function quietCpu(pids: number[]): Promise<number[]> {
  let before = pids.map(cpuSecondsOf)
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    const after = pids.map(cpuSecondsOf)
    const isQuiet = after.every((seconds, at) => seconds - before[at]! < (QUIET_MS / 1_000) * QUIET_PART)
    if (isQuiet) return after
    before = after
  }
}

function figuresOf(name: string, ours: Round[], raw: Round[]): Figure[] {
  const all = (rounds: Round[], part: keyof Round) => rounds.map((round) => round[part])
  const middle = (rounds: Round[], part: keyof Round) => medianOf(all(rounds, part))
  const ceiling = 'uWebSockets.js, upgrade and a frame'
  const storeUs = middle(ours, 'storeUs')
  return [
    figure({
      name,
      unit: '/s',
      ours: all(ours, 'perSecond'),
      ceiling: { name: ceiling, values: all(raw, 'perSecond') },
      notes: [crowdNote(middle(ours, 'crowdPart'), middle(raw, 'crowdPart'))],
    }),
    figure({
      name: `${name}: CPU each`,
      unit: 'µs',
      ours: all(ours, 'cpuUs'),
      ceiling: { name: ceiling, values: all(raw, 'cpuUs') },
      notes: [
        `all threads of the server's process, until the store has everybody` +
          `${storeUs > 0 ? `; Redis itself ${short(storeUs)} µs` : ''}; ` +
          `the crowd's own ${short(middle(ours, 'crowdUs'))} µs, raw ${short(middle(raw, 'crowdUs'))} µs`,
      ],
    }),
  ]
}

function crowdNote(ours: number, raw: number): string {
  const limited = [
    { isBusy: ours >= BUSY, rate: 'ours' },
    { isBusy: raw >= BUSY, rate: 'raw' },
  ].flatMap(({ isBusy, rate }) => (isBusy ? [rate] : []))
  return (
    `the crowd used ${percent(ours)} of a core, raw ${percent(raw)}: ` +
    (limited.length === 0
      ? 'it limits no rate'
      : `it is the crowd that limits the rate (${limited.join(', ')})`)
  )
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`
}
