/** Rounds of logins: a group of clients comes, is counted by everyone who should know of it, and leaves. */
import type { Redis } from 'ioredis'
import { SUCCESS_TEXT } from '../../src/openim/verdict.js'
import { loginPath } from '../../src/sdk/light-client.js'
import { cpuSecondsOf, residentBytes } from '../../test/support/proc.js'
import type { CountingCrowd } from '../crowd/counting.js'
import type { Gateway } from './gateway.js'
import { mustBe } from './measure.js'
import type { RawUws } from './raw-uws.js'
import { countOnline, type IssuedToken } from './records.js'

/** What a client hears that is let in. */
export const VERDICT = Buffer.from(SUCCESS_TEXT)

/** A process that used less than a twentieth of a core for so long has done what was asked of it. */
const QUIET_MS = 50
const QUIET_PART = 0.05
const SETTLED_WITHIN_MS = 20_000
const MIB = 2 ** 20

/** Microseconds of CPU are those of one login, the comings only. */
export interface Round {
  perSecond: number
  /** Of the server's process, all threads, until every record has everybody. */
  cpuUs: number
  /** Of the store's, where it is another process. */
  storeUs: number
  crowdUs: number
  /** Of a core, while they came. */
  crowdPart: number
  /** Of the server's process, with all of the group logged in. */
  residentMiB: number
}

/** Where a group comes and leaves. */
export interface Server {
  name: string
  port: number
  pid: number
  storePid?: number
  pathOf(issued: IssuedToken): string
  /** How many of the group it has, by each of its records; nobody else is there. */
  clients(group: IssuedToken[]): Promise<Record<string, number>>
}

/** It greets every client, without a look at its token. */
export function rawServer(raw: RawUws): Server {
  return {
    name: 'raw',
    port: raw.port,
    pid: raw.pid,
    pathOf: (issued) => `/greet${loginPath(issued).slice(1)}`,
    clients: async () => ({ connections: (await raw.stats()).connections }),
  }
}

export function gatewayServer(
  name: string,
  gateway: Gateway,
  redis?: { pid: number; client: Redis },
): Server {
  return {
    name,
    port: gateway.wsPort,
    pid: gateway.pid,
    ...(redis === undefined ? {} : { storePid: redis.pid }),
    pathOf: loginPath,
    clients: async (group) => {
      const here = await gateway.metrics(['porchlight_connections', 'porchlight_online_users'])
      if (redis === undefined) return here
      const userIds = group.map(({ userId }) => userId)
      return { ...here, usersInRedis: await countOnline(redis.client, userIds) }
    },
  }
}

/** A login counts when its client has the verdict, and the round when all records agree with the number of clients. */
export async function comeAndGo(
  crowd: CountingCrowd,
  server: Server,
  group: IssuedToken[],
  atOnce: number,
): Promise<Round> {
  const paths = group.map((issued) => server.pathOf(issued))
  const before = await quietCpu(server)
  const came = await crowd.open(server.name, server.port, paths, { isGreeted: true, atOnce })
  const after = await settledCpu(server, group, group.length)
  const residentMiB = residentBytes(server.pid) / MIB
  const heard = await crowd.count(server.name)
  mustBe(heard.least, 1, `${server.name}: frames of the socket with the fewest`)
  mustBe(heard.most, 1, `${server.name}: frames of the socket with the most`)
  mustBe(heard.bytes, group.length * VERDICT.length, `${server.name}: bytes of all verdicts`)
  await crowd.leave(server.name)
  await settledCpu(server, group, 0)
  const usEach = (cpuSeconds: number) => (cpuSeconds * 1e6) / group.length
  return {
    perSecond: group.length / came.seconds,
    cpuUs: usEach(after.server - before.server),
    storeUs: usEach(after.store - before.store),
    crowdUs: usEach(came.cpuSeconds),
    crowdPart: came.cpuSeconds / came.seconds,
    residentMiB,
  }
}

const TOTALS = [
  'porchlight_logins_total',
  'porchlight_token_lookups_total',
  'porchlight_assertions_total',
  'porchlight_assertion_errors_total',
] as const

/** A round at a gateway, whose own counts must agree. `lookups`: how many tokens its store is to be asked for. */
export async function countedBy(
  gateway: Gateway,
  expected: { logins: number; lookups: number },
  round: () => Promise<Round>,
): Promise<Round> {
  const before = await gateway.metrics(TOTALS)
  const result = await round()
  const after = await gateway.metrics(TOTALS)
  const grown = (name: (typeof TOTALS)[number]) => after[name] - before[name]
  mustBe(grown('porchlight_logins_total'), expected.logins, 'logins by the gateway')
  mustBe(grown('porchlight_token_lookups_total'), expected.lookups, 'tokens that the store was asked for')
  mustBe(grown('porchlight_assertion_errors_total'), 0, 'users that the store did not take')
  // In and out. Records that are renewed meanwhile come on top.
  const told = Math.min(grown('porchlight_assertions_total'), expected.logins * 2)
  mustBe(told, expected.logins * 2, 'users that the store was told of')
  return result
}

interface CpuSeconds {
  server: number
  store: number
}

/** By the time when all records of the server have `count` of the group and it has nothing more to do for them. */
export async function settledCpu(server: Server, group: IssuedToken[], count: number): Promise<CpuSeconds> {
  const deadlineMs = performance.now() + SETTLED_WITHIN_MS
  for (;;) {
    // Asked only when it is quiet: its answer has a price, which is not a login's.
    const cpu = await quietCpu(server)
    const clients = await server.clients(group)
    if (Object.values(clients).every((found) => found === count)) return cpu
    if (performance.now() > deadlineMs) {
      throw new Error(`${server.name} with ${count} clients has ${JSON.stringify(clients)}`)
    }
  }
}

async function quietCpu(server: Server): Promise<CpuSeconds> {
  const deadlineMs = performance.now() + SETTLED_WITHIN_MS
  let before = cpuOf(server)
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    const after = cpuOf(server)
    const used = Math.max(after.server - before.server, after.store - before.store)
    if (used < (QUIET_MS / 1_000) * QUIET_PART) return after
    if (performance.now() > deadlineMs) throw new Error(`${server.name} is busy for no reason`)
    before = after
  }
}

function cpuOf({ pid, storePid }: Server): CpuSeconds {
  return { server: cpuSecondsOf(pid), store: storePid === undefined ? 0 : cpuSecondsOf(storePid) }
}
