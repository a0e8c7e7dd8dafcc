/** What do more threads and more shards bring? */
import type { Redis } from 'ioredis'
import { loadConfig } from '../src/config/config.js'
import { Platform } from '../src/openim/platforms.js'
import { startRedis } from '../test/support/redis.js'
import { CountingCrowd } from './crowd/counting.js'
import { defineBenchmark, type Figure, figure } from './support/figures.js'
import { startGateway } from './support/gateway.js'
import { comeAndGo, gatewayServer } from './support/login-rounds.js'
import { interleave, mustBe, withCpu } from './support/measure.js'
import { OwnIo } from './support/own-io.js'
import { countOnline, type IssuedToken, makeTokens, recordTokens } from './support/records.js'
import { withScope } from './support/scope.js'

export const threads = defineBenchmark({
  name: 'threads',
  question: 'logins and changes a second with more threads and more shards',
  sizes: {
    /** Up to so many, in steps of two, two (and no shard thread at all) and four. */
    ioThreads: 2,
    shardThreads: 2,
    presenceShards: 64,
    /** Who log in, and `atOnce` logins are on their way at one time. */
    users: 2_000,
    atOnce: 256,
    /** Users of shards without sockets, who come and go. */
    changing: 10_000,
    rounds: 3,
  },
  fullSizes: { users: 5_000, changing: 50_000, rounds: 7 },
  run: (sizes) =>
    withScope(async (scope) => {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const store: Store = { url: redis.url, pid: redis.pid, client: redis.client() }
      const names = (word: string, count: number) => Array.from({ length: count }, (_, n) => `${word}-${n}`)
      const group = await makeTokens(names('user', sizes.users), Platform.Android)
      await recordTokens(store.client, group)
      const changing = names('changing', sizes.changing)

      const setups = setupsOf(sizes)
      const logins = await loginRates(store, setups, group, sizes)
      const withoutSockets = setups.filter(({ ioThreads }) => ioThreads === 1)
      const changes = await changeRates(store, withoutSockets, changing, sizes.rounds)
      return [...curve('logins', logins), ...curve('changes into Redis', changes)]
    }),
})

interface Store {
  url: string
  pid: number
  client: Redis
}

interface Setup {
  ioThreads: number
  shardThreads: number
  presenceShards: number
}

interface Rate {
  perSecond: number
  /** Of the node, for each. */
  cpuUs: number
  /** Of a core, by the crowd, where there is one. */
  crowdPart?: number
}

type Ways = Record<string, () => Promise<Rate>>
/** Of each round, by setup. */
type Rates = Record<string, Rate[]>
type LoginSizes = { atOnce: number; rounds: number }

/** The defaults of this machine, which all others are beside, come first. */
function setupsOf(most: Setup): Setup[] {
  const { ioThreads, shardThreads, presenceShards } = loadConfig({})
  const standard = {
    ioThreads,
    shardThreads,
    presenceShards: Math.min(presenceShards, most.presenceShards),
  }
  const ofThreads = upTo(most.ioThreads, 2).flatMap((ioThreads) =>
    // None: the shards live with the sockets.
    [0, ...upTo(most.shardThreads, 2)].map((shardThreads) => ({ ...standard, ioThreads, shardThreads })),
  )
  const ofShards = upTo(most.presenceShards, 4).map((presenceShards) => ({ ...standard, presenceShards }))
  const byName = new Map([standard, ...ofThreads, ...ofShards].map((setup) => [nameOf(setup), setup]))
  return [...byName.values()]
}

/** 1, then each `factor` times the one before it. */
function upTo(most: number, factor: number): number[] {
  const steps: number[] = []
  for (let step = 1; step <= most; step *= factor) steps.push(step)
  return steps
}

function nameOf({ ioThreads, shardThreads, presenceShards }: Setup): string {
  return `IO_THREADS=${ioThreads} SHARD_THREADS=${shardThreads} PRESENCE_SHARDS=${presenceShards}`
}

/** A gateway for each setup; all have seen everybody before the first round. */
function loginRates(store: Store, setups: Setup[], group: IssuedToken[], sizes: LoginSizes): Promise<Rates> {
  return withScope(async (scope) => {
    const crowd = CountingCrowd.start(scope)
    const ways: Ways = {}
    for (const setup of setups) {
      const gateway = await startGateway(scope, { env: { REDIS_URL: store.url, ...settingsOf(setup) } })
      const server = gatewayServer('the gateway', gateway, store)
      ways[nameOf(setup)] = () => comeAndGo(crowd, server, group, sizes.atOnce)
    }
    await interleave(1, ways)
    return interleave(sizes.rounds, ways)
  })
}

/** Shards and a sync of each setup live in this process, whose CPU is counted: so one at a time. */
function changeRates(store: Store, setups: Setup[], userIds: string[], rounds: number): Promise<Rates> {
  const ways = setups.map((setup) => [nameOf(setup), () => change(store, setup, userIds)])
  return interleave(rounds, Object.fromEntries(ways) as Ways)
}

/** They have seen everybody once when the clock starts. */
function change(store: Store, setup: Setup, userIds: string[]): Promise<Rate> {
  return withScope(async (scope) => {
    const node = await OwnIo.start(scope, { REDIS_URL: store.url, ...settingsOf(setup) })
    const pass = async () => {
      const came = await timed(() => node.connect(userIds))
      mustBe(await countOnline(store.client, userIds), userIds.length, 'users in Redis')
      const left = await timed(() => node.disconnect(userIds))
      mustBe(await countOnline(store.client, userIds), 0, 'users in Redis after they left')
      return { seconds: came.seconds + left.seconds, cpuSeconds: came.cpuSeconds + left.cpuSeconds }
    }
    await pass()
    const { seconds, cpuSeconds } = await pass()
    const count = userIds.length * 2
    return { perSecond: count / seconds, cpuUs: (cpuSeconds * 1e6) / count }
  })
}

async function timed(work: () => Promise<void>): Promise<{ seconds: number; cpuSeconds: number }> {
  const startMs = performance.now()
  const { cpuSeconds } = await withCpu(work)
  return { seconds: (performance.now() - startMs) / 1_000, cpuSeconds }
}

function settingsOf({ ioThreads, shardThreads, presenceShards }: Setup): Record<string, string> {
  return {
    NODE_ID: `bench-${ioThreads}-${shardThreads}-${presenceShards}`,
    IO_THREADS: String(ioThreads),
    SHARD_THREADS: String(shardThreads),
    PRESENCE_SHARDS: String(presenceShards),
  }
}

/** A row a setup; the first one is that of the defaults. */
function curve(what: string, rates: Rates): Figure[] {
  const [standard] = Object.values(rates)
  return Object.entries(rates).map(([name, ours]) => {
    const isStandard = ours === standard
    const crowdParts = ours.flatMap(({ crowdPart }) => crowdPart ?? [])
    return figure({
      name: `${what}: ${name}`,
      unit: '/s',
      ours: ours.map(({ perSecond }) => perSecond),
      cpuUs: ours.map(({ cpuUs }) => cpuUs),
      ...(isStandard
        ? {}
        : {
            ceiling: {
              name: 'the defaults',
              values: standard!.map(({ perSecond }) => perSecond),
              cpuUs: standard!.map(({ cpuUs }) => cpuUs),
            },
          }),
      ...(crowdParts.length === 0 ? {} : { generator: { name: 'the crowd', ours: crowdParts } }),
    })
  })
}
