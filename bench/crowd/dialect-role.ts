/** The clients of one peer themselves. */
import { inParallel } from '../../test/support/in-parallel.js'
import type { PeerClient, PeerClientClass } from '../peers/clients/client.js'
import { MqttClient } from '../peers/clients/mqtt.js'
import { PorchlightClient } from '../peers/clients/porchlight.js'
import { RawClient } from '../peers/clients/raw.js'
import { SocketIoClient } from '../peers/clients/socket-io.js'
import { SocketClusterClient } from '../peers/clients/socketcluster.js'
import { XmppClient } from '../peers/clients/xmpp.js'
import type { Account, Dialect } from '../peers/peer.js'
import { withCpu } from '../support/measure.js'
import { fail } from './answer.js'
import type { AnswerOf } from './crowd-process.js'
import type { DialectAnswer, DialectOrder, DialectSettings } from './dialect.js'

const clientClasses: Record<Dialect, PeerClientClass> = {
  porchlight: PorchlightClient,
  raw: RawClient,
  'socket-io': SocketIoClient,
  socketcluster: SocketClusterClient,
  mqtt: MqttClient,
  xmpp: XmppClient,
}

/** Whatever is waited for: longer than any of these servers ever takes. */
const PATIENCE_MS = 60_000

type OrderOf<V extends DialectOrder['verb']> = Extract<DialectOrder, { verb: V }>
type Stage = OrderOf<'come'>['until']

/** How often the crowd was told that a user is online, or is not. */
class Tally {
  online = 0
  offline = 0
  /** Messages still to come before `#reached` is called. */
  #missing = 0
  #reached: (() => void) | undefined

  add(isOnline: boolean): void {
    if (isOnline) this.online++
    else this.offline++
    if (--this.#missing === 0) this.#reached?.()
  }

  /** Resolves when so many more have come; call it before what causes them. */
  more(count: number): Promise<void> {
    this.#missing = count
    if (count === 0) return Promise.resolve()
    const all = new Promise<void>((resolve) => {
      this.#reached = resolve
    })
    return within(all, () => `${this.#missing} of ${count} messages did not come`)
  }

  /** Counting begins anew. */
  take(): { online: number; offline: number } {
    const { online, offline } = this
    this.online = 0
    this.offline = 0
    return { online, offline }
  }
}

/** A client that is here. Its end before `leave` is a failure of the whole crowd. */
class Member {
  readonly reached: Record<Stage, Promise<void>>
  readonly #client: PeerClient
  readonly #unknown: Set<string>
  #hasLeft: (() => void) | undefined

  constructor(
    private readonly account: Account,
    node: number,
  ) {
    const { userId, watches } = account
    this.#unknown = new Set(watches)
    const resolvers = {} as Record<Stage, () => void>
    const stage = (name: Stage) =>
      new Promise<void>((resolve) => {
        resolvers[name] = resolve
      })
    this.reached = {
      loggedIn: stage('loggedIn'),
      watching: stage('watching'),
      allOnline: stage('allOnline'),
    }
    this.#client = new ClientClass({ host: '127.0.0.1', port: ports[node]! }, account, {
      loggedIn: () => {
        resolvers.loggedIn()
        if (watches.length > 0) this.#client.watch()
      },
      watching: () => resolvers.watching(),
      told: (other, isOnline) => {
        tally.add(isOnline)
        if (isOnline && this.#unknown.delete(other) && this.#unknown.size === 0) resolvers.allOnline()
      },
      ended: (said) => {
        members.delete(userId)
        if (this.#hasLeft === undefined) fail(`${userId} was sent away: ${said}`)
        this.#hasLeft?.()
      },
    })
  }

  reach(stage: Stage): Promise<void> {
    return within(this.reached[stage], () => `${this.account.userId} did not get so far: ${stage}`)
  }

  leave(): Promise<void> {
    const left = new Promise<void>((resolve) => {
      this.#hasLeft = resolve
    })
    this.#client.leave()
    return within(left, () => `${this.account.userId} is not let go`)
  }
}

const { dialect, ports } = JSON.parse(process.argv[3]!) as DialectSettings
const ClientClass = clientClasses[dialect]
const members = new Map<string, Member>()
const tally = new Tally()

function join(account: Account, node: number): Member {
  const member = new Member(account, node)
  members.set(account.userId, member)
  return member
}

async function come({ accounts, node, atOnce, until, told = 0 }: OrderOf<'come'>): Promise<void> {
  const all = tally.more(told)
  // Who came first waits for the last to be online: only logins are bounded.
  const bounded = until === 'allOnline' ? 'loggedIn' : until
  const came = await inParallel(accounts, atOnce, async (account) => {
    const member = join(account, node)
    await member.reach(bounded)
    return member
  })
  await Promise.all([all, ...came.map((member) => member.reach(until))])
}

async function leave({ userIds, atOnce, told = 0 }: OrderOf<'leave'>): Promise<void> {
  const all = tally.more(told)
  await inParallel(userIds, atOnce, (userId) => members.get(userId)!.leave())
  await all
}

async function toggle({
  accounts,
  node,
  told,
  pauseMs,
}: OrderOf<'toggle'>): Promise<Pick<AnswerOf<DialectAnswer, 'toggled'>, 'arrivalsMs' | 'departuresMs'>> {
  const arrivalsMs = new Float64Array(accounts.length)
  const departuresMs = new Float64Array(accounts.length)
  for (const [n, account] of accounts.entries()) {
    const arrived = timed(tally.more(told))
    const member = join(account, node)
    arrivalsMs[n] = await arrived
    await member.reach('loggedIn')
    await pause(pauseMs)
    const departed = timed(tally.more(told))
    const left = member.leave()
    departuresMs[n] = await departed
    await left
    await pause(pauseMs)
  }
  return { arrivalsMs, departuresMs }
}

/** Milliseconds from now. */
async function timed(done: Promise<void>): Promise<number> {
  const startMs = performance.now()
  await done
  return performance.now() - startMs
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}

async function within<T>(promise: Promise<T>, otherwise: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`within ${PATIENCE_MS} ms: ${otherwise()}`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export async function obey(order: DialectOrder): Promise<DialectAnswer> {
  switch (order.verb) {
    case 'come':
    case 'leave': {
      const work = order.verb === 'come' ? () => come(order) : () => leave(order)
      const { seconds, cpuSeconds } = await withCpu(work)
      return { verb: 'done', seconds, cpuSeconds }
    }
    case 'toggle': {
      const { result, seconds, cpuSeconds } = await withCpu(() => toggle(order))
      return { verb: 'toggled', ...result, crowdPart: cpuSeconds / seconds }
    }
    case 'count':
      return { verb: 'counted', ...tally.take() }
  }
}
