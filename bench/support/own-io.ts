/**
 * A node without sockets: its real shard and sync threads, and this thread in the place of its io thread. Where the
 * shards live with the sockets, they live here.
 */
import { createDatabaseClock } from '../../src/node/database-clock.js'
import '../../test/support/entry.js'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import { loadConfig } from '../../src/config/config.js'
import { entryUrl } from '../../src/files/entry.js'
import type { ReadyPart } from '../../src/health/readiness.js'
import { threadKinds } from '../../src/node/layout.js'
import type { RoleInstance } from '../../src/node/role.js'
import { prepare as prepareShards } from '../../src/node/roles/shard.js'
import { ROLES } from '../../src/node/roles.js'
import type { ThreadSettings, ThreadStats } from '../../src/node/settings.js'
import { meterThread, type ThreadMeter } from '../../src/node/thread-meter.js'
import { Addresses, FAN_OUT, LISTENER, type Topology } from '../../src/protocol/addresses.js'
import type * as FanOut from '../../src/protocol/fan-out.js'
import type * as Listener from '../../src/protocol/listener.js'
import type { ConnectionReport } from '../../src/protocol/presence-shard.js'
import { ActorSystem, defineActor, realEnvironment, refTo, silentLog } from '../../src/runtime/index.js'
import type { LinkPort } from '../../src/runtime/link.js'
import { layOut, ThreadHost } from '../../src/runtime/thread-host.js'
import type { Scope } from './scope.js'

const READY_MS = 60_000
const LOOK_MS = 10
const CONGESTED_LOOK_MS = 1
/** A million users take a while on a slow machine. */
const FLUSH_DEADLINE_MS = 300_000
/** Connections reported in one turn: an io thread that takes up a crowd reports about so many at once. */
const TURN = 1_000
/** Above every well-known actor, as connections are. */
const FIRST_CONNECTION = 10_000
const PLATFORM = 2
const ASSERTIONS = 'porchlight_assertions_total'

type CountedMetric = MetricObjectWithValues<MetricValue<string>>

/** It has no connection when a shard starts. */
const listener = defineActor<Listener.Command, Addresses, Addresses>({
  kind: 'listener',
  start: (_ctx, addresses) => addresses,
  receive: (ctx, addresses, message) => {
    if (message.kind !== 'announce') return
    const shard = addresses.shards[message.shard]!
    ctx.tell(shard, { kind: 'announced', thread: ctx.self.thread, connections: [] })
  },
})

/** Nobody watches. */
const fanOut = defineActor<FanOut.Command, undefined>({
  kind: 'fan-out',
  start: () => undefined,
  receive: () => {},
})

export class OwnIo {
  private constructor(
    private readonly system: ActorSystem,
    private readonly addresses: Addresses,
    private readonly host: ThreadHost<ThreadSettings>,
    /** What lives on this thread, where the shards live with the sockets. */
    private readonly shards: RoleInstance | undefined,
    private readonly meter: ThreadMeter,
  ) {}

  /** `env`: settings of the node, with the REDIS_URL. */
  static async start(scope: Scope, env: Record<string, string>): Promise<OwnIo> {
    const config = loadConfig({ AUTH_SECRET: 'nobody logs in at this node', LOG_LEVEL: 'silent', ...env })
    const kinds = threadKinds(config).filter(({ name }) => name === 'shard' || name === 'sync')
    const threads = layOut(kinds)
    const io = threads.length
    const shardSlots = threads.filter(({ role }) => role === 'shard').map(({ slot }) => slot)
    const topology: Topology = {
      io: [io],
      shard: shardSlots.length > 0 ? shardSlots : [io],
      sync: threads.at(-1)!.slot,
      presenceShards: config.presenceShards,
    }
    const settings: ThreadSettings = {
      config,
      topology,
      processId: 'bench',
      connectionCounts: new SharedArrayBuffer(4),
      socketBudget: new SharedArrayBuffer(8),
      apiConnectionsMax: 0,
      rates: new SharedArrayBuffer(8),
      databaseClock: createDatabaseClock(),
    }
    const host = new ThreadHost<ThreadSettings>({
      roles: kinds.map(({ name, count }) => ({
        name,
        count,
        entry: entryUrl(),
        linkedWith: ['sync'],
        heapMb: config.threadHeapMb,
        youngHeapMb: ROLES[name].youngHeapMb,
      })),
      settings,
      log: silentLog,
      readyDeadlineMs: READY_MS,
    })
    scope.defer(() => host.stop(['shard', 'sync'], READY_MS))
    await host.start()
    const environment = realEnvironment
    const system = new ActorSystem({ thread: io, incarnation: 0, environment, log: silentLog })
    scope.defer(() => system.close())
    const addresses = new Addresses(topology)
    for (const thread of host.threads) {
      const { port1, port2 } = new MessageChannel()
      system.link(thread.slot, port1 as LinkPort)
      await host.control(thread).relink(io, port2)
    }
    system.spawn(listener, addresses, LISTENER)
    system.spawn(fanOut, undefined, FAN_OUT)
    const meter = meterThread('io-0')
    const task = { slot: io, role: 'io', index: 0, incarnation: 0, settings, links: [] }
    const { port1: control } = new MessageChannel()
    const moveIn = shardSlots.length > 0 ? undefined : await prepareShards({ ...task, control })
    const shards = moveIn?.({ ...task, control, system, log: silentLog, meter })
    const deadlineMs = Date.now() + READY_MS
    for (;;) {
      const answers = await host.each(async (thread) => (await thread.parts()) as ReadyPart[])
      const parts = [...answers.flatMap(({ value }) => value), ...(shards?.parts() ?? [])]
      if (parts.every(({ ready }) => ready)) break
      if (Date.now() > deadlineMs) throw new Error(`the node is not ready: ${JSON.stringify(parts)}`)
      await sleep(LOOK_MS)
    }
    return new OwnIo(system, addresses, host, shards, meter)
  }

  /** Everybody logs in; resolves when the store has all of them. */
  async connect(userIds: readonly string[]): Promise<void> {
    await this.#inTurns(userIds, (userId, n) => {
      const report: ConnectionReport = {
        connection: this.#connection(n),
        userId,
        platformId: PLATFORM,
        background: false,
        token: userId,
      }
      this.system.tell(this.addresses.shardFor(userId), { kind: 'connected', ...report })
    })
    await this.flush()
  }

  /** Everybody says goodbye; resolves when the store knows. */
  async disconnect(userIds: readonly string[]): Promise<void> {
    await this.#inTurns(userIds, (userId, n) => {
      const connection = this.#connection(n)
      this.system.tell(this.addresses.shardFor(userId), {
        kind: 'disconnected',
        connection,
        userId,
        clean: true,
      })
    })
    await this.flush()
  }

  /** Users whose state was sent to the store until now, by the shards' own count. */
  async assertionsSent(): Promise<number> {
    const stats = await this.host.each(async (control) => (await control.stats()) as ThreadStats)
    const own = this.shards === undefined ? [] : await this.meter.snapshot()
    const metrics = [
      ...stats.flatMap(({ value }) => value.metrics as CountedMetric[]),
      ...(own as CountedMetric[]),
    ]
    const counts = metrics.filter(({ name }) => name === ASSERTIONS).flatMap(({ values }) => values)
    return counts.reduce((sum, { value }) => sum + value, 0)
  }

  /** Resolves when the store has everything that the shards had to say, renewals included. */
  async flush(): Promise<void> {
    await Promise.all(
      this.addresses.shards.map((shard) =>
        this.system.ask(shard, { kind: 'flush', keepsGrace: false }, FLUSH_DEADLINE_MS),
      ),
    )
  }

  #connection(n: number): ConnectionReport['connection'] {
    return refTo(this.system.thread, FIRST_CONNECTION + n)
  }

  async #inTurns(userIds: readonly string[], tell: (userId: string, n: number) => void): Promise<void> {
    for (let at = 0; at < userIds.length; at += TURN) {
      for (let n = at; n < Math.min(at + TURN, userIds.length); n++) tell(userIds[n]!, n)
      await new Promise(setImmediate)
      // Asleep: whoever looks all the time takes a core from what is measured.
      while (this.host.threads.some(({ slot }) => this.system.isCongested(slot)))
        await sleep(CONGESTED_LOOK_MS)
    }
  }
}
