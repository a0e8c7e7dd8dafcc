/** A gateway is killed with all its clients: how long until the last of them is back, and what does that take? */
import type { Redis } from 'ioredis'
import { Platform } from '../src/openim/platforms.js'
import { loginPath } from '../src/sdk/light-client.js'
import { cpuSecondsOf, peakResidentBytes } from '../test/support/proc.js'
import { startRedis } from '../test/support/redis.js'
import { type AllIn, ReturningCrowd } from './crowd/returning.js'
import { defineBenchmark, figure, short } from './support/figures.js'
import { type Gateway, startGateway } from './support/gateway.js'
import { gatewayServer, type Server, settledCpu } from './support/login-rounds.js'
import { medianOf } from './support/measure.js'
import { countHeld, type IssuedToken, makeTokens, recordTokens } from './support/records.js'
import { withScope } from './support/scope.js'

const NODE_ID = 'bench'
const MIB = 1024 * 1024

export const reconnectStorm = defineBenchmark({
  name: 'reconnect-storm',
  question: 'seconds until every client of a killed gateway is back at the one that is started in its place',
  sizes: {
    clients: 4_000,
    /** That the clients live in. */
    processes: 2,
    /** Of the clients' back-offs. */
    seed: 1,
    /** Each starts everything anew. */
    rounds: 3,
  },
  // The gateway, too, has a limit of open files.
  fullSizes: { clients: 18_000 },
  run: async (sizes) => {
    const userIds = Array.from({ length: sizes.clients }, (_, n) => `user-${n}`)
    const accounts = await makeTokens(userIds, Platform.Android)
    const rounds: Storm[] = []
    for (let n = 0; n < sizes.rounds; n++) rounds.push(await storm(accounts, sizes.processes, sizes.seed + n))
    const all = (of: keyof Storm, part: keyof Coming) => rounds.map((round) => round[of][part])
    const middle = (part: keyof Coming) => short(medianOf(all('again', part)))
    const itself = 'the same clients as they came first'
    return [
      figure({
        name: `reconnect storm: ${sizes.clients} clients are back`,
        unit: 's',
        ours: all('again', 'seconds'),
        cpuUs: all('again', 'cpuUs'),
        ceiling: { name: itself, values: all('first', 'seconds'), cpuUs: all('first', 'cpuUs') },
        generator: {
          name: 'each process of the crowd',
          ours: all('again', 'generatorPart'),
          ceiling: all('first', 'generatorPart'),
        },
        notes: [
          `from the kill, the new start included, with ${middle('tries')} connections begun; each client waits ` +
            'half a second to a second before it tries, and twice as long after each failure',
          `CPU of one login until Redis has everybody, without the start; Redis takes another ${middle('storeUs')} µs`,
        ],
      }),
      figure({
        name: 'the same: peak resident memory',
        unit: 'MiB',
        ours: all('again', 'peakMiB'),
        ceiling: { name: itself, values: all('first', 'peakMiB') },
      }),
    ]
  },
})

interface Coming {
  /** Until the last client had its verdict. */
  seconds: number
  /** Of the gateway, for each client, until Redis had everybody. */
  cpuUs: number
  /** Of Redis. */
  storeUs: number
  /** Resident memory of the gateway, the most that there was. */
  peakMiB: number
  /** Connections that the clients began. */
  tries: number
  /** Of a core, each process of the crowd. */
  generatorPart: number
}

interface Storm {
  first: Coming
  again: Coming
}

/** Everybody comes, is cut off when the gateway is killed, and comes back to a new one. */
function storm(accounts: IssuedToken[], processes: number, seed: number): Promise<Storm> {
  return withScope(async (scope) => {
    const redis = await startRedis()
    scope.defer(() => redis.stop())
    const client = redis.client()
    await recordTokens(client, accounts)
    const gateway = await startGateway(scope, { env: { REDIS_URL: redis.url, NODE_ID } })
    const startSeconds = cpuSecondsOf(gateway.pid)
    const crowd = ReturningCrowd.start(scope, processes, seed)

    const coming = async (come: () => Promise<AllIn>): Promise<Coming> => {
      const crowdBefore = sumOfCpu(crowd.pids)
      const storeBefore = cpuSecondsOf(redis.pid)
      const startNs = process.hrtime.bigint()
      const { atNs, tries } = await come()
      const seconds = Number(atNs - startNs) / 1e9
      const generatorPart = (sumOfCpu(crowd.pids) - crowdBefore) / seconds / processes
      const { server, store } = await settledCpu(
        serverOf(gateway, redis.pid, client),
        accounts,
        accounts.length,
      )
      const usEach = (cpuSeconds: number) => (cpuSeconds * 1e6) / accounts.length
      return {
        seconds,
        // A gateway that starts anew takes for that what it took the first time.
        cpuUs: usEach(server - startSeconds),
        storeUs: usEach(store - storeBefore),
        peakMiB: peakResidentBytes(gateway.pid) / MIB,
        tries,
        generatorPart,
      }
    }
    const clients = accounts.map((account) => ({ ...account, path: loginPath(account) }))
    const first = await coming(() => crowd.come(gateway.wsPort, clients))
    const allBack = await crowd.expectCut()
    const again = await coming(async () => {
      await gateway.restart()
      return allBack()
    })
    return { first, again }
  })
}

/** The process that the gateway is now, which must have said itself who is there. */
function serverOf(gateway: Gateway, storePid: number, client: Redis): Server {
  const server = gatewayServer('the gateway', gateway, { pid: storePid, client })
  const clients: Server['clients'] = async (group) => ({
    ...(await server.clients(group)),
    heldInRedis: await countHeld(client, NODE_ID, group),
  })
  return { ...server, clients }
}

function sumOfCpu(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
}
