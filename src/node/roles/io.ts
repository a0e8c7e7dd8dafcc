/** The io role: one transport, a listener, a fan-out, and a connection for each socket. */

import { setTimeout as pause } from 'node:timers/promises'
import type { FromTransport } from '../../../actors/io/connection.js'
import { type DeliveryCounts, type DeliveryGauges, deliveries } from '../../../actors/io/deliveries.js'
import { type FanOutCounts, type FanOutGauges, fanOut } from '../../../actors/io/fan-out.js'
import {
  type ListenerCounts,
  listener,
  type Message,
  newListenerCounts,
  type Owner,
} from '../../../actors/io/listener.js'
import { canonicalToken } from '../../auth/canonical-token.js'
import type { TokenKeys } from '../../auth/keys.js'
import { verifyToken } from '../../auth/tokens.js'
import { VerificationCache } from '../../auth/verification-cache.js'
import { pick } from '../../config/pick.js'
import { SharedConnectionCounts } from '../../doors/websocket/connection-counts.js'
import { frameLimits } from '../../doors/websocket/frame-budget.js'
import { Hub, userOfTopic } from '../../doors/websocket/hub.js'
import { Rates } from '../../doors/websocket/rates.js'
import { ThreadSockets } from '../../doors/websocket/socket-budget.js'
import { AcceptBudget } from '../../doors/websocket/transport/accept-budget.js'
import { loadTransport } from '../../doors/websocket/transport/load-transport.js'
import type {
  MalformedReason,
  Transport,
  TransportHandlers,
} from '../../doors/websocket/transport/transport.js'
import type { WatchedFiles } from '../../files/watched-files.js'
import { connectionsThatFit } from '../../health/descriptors.js'
import { Networks } from '../../net/networks.js'
import { originCheck } from '../../net/origin.js'
import type { TlsFiles } from '../../net/tls-files.js'
import type { Report } from '../../observe/metrics.js'
import { Addresses, DELIVERIES, FAN_OUT, LISTENER } from '../../protocol/addresses.js'
import { type ActorSystem, type Ref, refTo } from '../../runtime/index.js'
import { SharedDatabaseClock } from '../database-clock.js'
import { messageChecks, wordListOf } from '../files/message-checks.js'
import { renewTls, tlsFilesOf } from '../files/tls.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'
import { platformTable, rightsOf, seating, tokenKeysOf } from '../settings.js'
import { reportTotals } from '../thread-meter.js'

/** How long the last sockets have to take their goodbye. */
const GOODBYE_MS = 2_000
const GOODBYE_LOOK_MS = 10
/** Frames of a client that does not wait for the verdict, and their bytes; real ones wait. */
const EARLY_COUNT_MAX = 16
const EARLY_BYTES_MAX = 65_536
/** Letters that wait for a shard's thread. Above it no login comes in: each is a signal, which no link refuses. */
const HELD_COUNT_MAX = 65_536
/** How much longer than READ_TIMEOUT_MS the transport is patient: the connection is to end first. */
const SILENCE_MARGIN_MS = 10_000
const BUSY_TEXT = 'This node takes up no more handshakes now; try again.\n'

type IoCounts = ListenerCounts &
  FanOutCounts &
  DeliveryCounts & { malformed: Record<MalformedReason, number> }

export const prepare: PrepareRole = async (task) => {
  const keys = await tokenKeysOf(task)
  const tls = await tlsFilesOf(task.settings.config)
  const words = await wordListOf(task.settings.config)
  return (thread) => open(thread, keys, { tls, words })
}

/** Files that are read again when they have changed, where they are set. */
interface Files {
  tls: TlsFiles | undefined
  words: WatchedFiles<string[]> | undefined
}

function open(thread: ThreadContext, keys: TokenKeys, { tls, words }: Files): RoleInstance {
  const { system, settings, index } = thread
  const { config, topology } = settings
  const hub = new Hub()
  const counts: IoCounts = {
    ...newListenerCounts(),
    malformed: { head: 0, proxyHeader: 0 },
    statusPushes: 0,
    pushes: 0,
  }
  const sockets = new ThreadSockets(settings.socketBudget, index)
  const { nowMs: messageMs } = new SharedDatabaseClock(settings.databaseClock)
  const accepts = new AcceptBudget(sockets)
  const transport = openTransport(thread, hub, tls, counts, accepts)
  if (tls !== undefined) renewTls(thread, tls, (pair) => transport.useTls(pair))
  const addresses = new Addresses(topology)
  const platforms = platformTable(config)
  const rights = rightsOf(config)
  const verified = new VerificationCache({
    max: config.tokenCacheMax,
    keys,
    verify: (token) => verifyToken(token, { keys, nowMs: Date.now() }),
    nowMs: Date.now,
  })
  const limits = {
    watchedUsersMax: Math.ceil(config.watchedUsersMax / topology.io.length),
    watchesWaitingMax: config.watchesWaitingMax,
  }
  const gauges: FanOutGauges = { waiting: () => 0 }
  const held: DeliveryGauges = { held: () => 0 }
  system.spawn(fanOut, { hub, limits, gauges, transport, addresses, counts }, FAN_OUT)
  if (addresses.storage !== undefined) {
    const { reader } = addresses.storage
    system.spawn(deliveries, { hub, reader, wallMs: messageMs, counts, gauges: held }, DELIVERIES)
  }
  system.spawn(
    listener,
    {
      hub,
      places: new SharedConnectionCounts(settings.connectionCounts, index, config.addressPrefixV6),
      rates: new Rates(settings.rates, config, Date.now),
      addresses,
      settings: {
        ...pick(
          config,
          'maxConnections',
          'maxConnectionsPerAddress',
          'handshakeTimeoutMs',
          'authWhenStoreDown',
          'inflatedBytesMax',
          'requestsPerSMax',
          'watchesPerConnectionMax',
          'newWatchesPerMin',
          'readTimeoutMs',
        ),
        mayWatch: rights.mayWatch,
        checks: messageChecks(thread, words),
        handshakesPerSMax: Math.ceil(config.handshakesPerSMax / topology.io.length),
        drainRate: Math.ceil(config.drainRate / topology.io.length),
      },
      counts,
      connectionsThatFit: () => connectionsThatFit(sockets.max),
      isOriginAllowed: originCheck(config.allowedOrigins),
      isKnownPlatform: (platformId) => platforms.isKnown(platformId),
      isAdmin: rights.isAdmin,
      canonicalToken: (token) => canonicalToken(token, keys.algorithm),
      verifyToken: (token, digest) => verified.verify(token, digest),
      isSeated: seating(config) !== undefined,
      needsRecord: rights.needsRecord,
      isOverloaded: (shard) => system.heldFor(shard.thread) > HELD_COUNT_MAX,
      wallMs: Date.now,
      messageMs,
    },
    LISTENER,
  )
  thread.meter.metrics.onSnapshot((report) => {
    report.total('turnedAway', accepts.turnedAway)
    reportIo(report, hub, counts, gauges)
    report.level('messagesHeld', held.held())
  })

  let isListening = false
  return {
    ready: async () => {
      await transport.listen(config.host, config.wsPort)
      isListening = true
    },
    drain: async () => {
      isListening = false
      transport.stopListening()
      await dismissAll(system, hub, config.drainRate / topology.io.length)
    },
    release: () => {
      tls?.close()
      words?.close()
      transport.close()
    },
    parts: () => [
      { name: `io-${index}`, ready: isListening, missing: isListening ? undefined : 'not listening' },
    ],
  }
}

/** Send the clients away, so many a second. Ends when all have gone, or have had time to. */
async function dismissAll(system: ActorSystem, hub: Hub, ratePerS: number): Promise<void> {
  const sinceMs = performance.now()
  let dismissed = 0
  for (const { connection } of [...hub.connections.values()]) {
    while (dismissed > ((performance.now() - sinceMs) / 1_000) * ratePerS) await pause(GOODBYE_LOOK_MS)
    if (!hub.connections.has(connection.actor)) continue
    system.signal(connection, { kind: 'dismiss' })
    dismissed++
  }
  const deadlineMs = performance.now() + GOODBYE_MS
  while (hub.connections.size > 0 && performance.now() < deadlineMs) await pause(GOODBYE_LOOK_MS)
}

function openTransport(
  { system, settings, slot }: ThreadContext,
  hub: Hub,
  tls: TlsFiles | undefined,
  counts: IoCounts,
  accepts: AcceptBudget,
): Transport {
  const { config } = settings
  const { create } = loadTransport(config.transport)
  const toListener: Ref<Message> = refTo(slot, LISTENER)
  return create<Owner>(handlersFor(system, toListener, hub, counts), {
    messageBytesMax: config.messageBytesMax,
    backpressureBytesMax: config.backpressureBytesMax,
    accepts,
    frameLimits: frameLimits(config),
    silenceMsMax: config.readTimeoutMs + SILENCE_MARGIN_MS,
    proxies: {
      trusted: new Networks(config.trustedProxies),
      header: config.forwardedHeader,
      protocol: config.proxyProtocol,
    },
    tls: tls?.pair,
  })
}

/** From callbacks to messages. What comes before there is a connection waits for it with the socket. */
function handlersFor(
  system: ActorSystem,
  toListener: Ref<Message>,
  hub: Hub,
  counts: IoCounts,
): TransportHandlers<Owner> {
  const tell = (owner: Owner, message: FromTransport) => {
    if (owner.connection !== undefined) system.tell(owner.connection, message)
    else if (hasRoomFor(owner.early, message)) owner.early = [...owner.early, message]
  }
  /** A signal: a connection that never hears of its end would stay online for ever. */
  const closed = (owner: Owner, message: FromTransport) => {
    if (owner.connection !== undefined) system.signal(owner.connection, message)
    else owner.early = [...owner.early, message]
  }
  return {
    // At once: a socket that is accepted inside this callback costs the transport least.
    upgrade: (request) => {
      if (!system.tellNow(toListener, { kind: 'upgrade', request }))
        request.refuse(503, 'text/plain', BUSY_TEXT)
    },
    malformed: (reason) => {
      counts.malformed[reason]++
    },
    message: (owner, data, isBinary) => tell(owner, { kind: 'frame', data, isBinary }),
    heard: (owner) => {
      owner.heardMs = system.environment.nowMs()
    },
    overShare: (reason) => {
      counts.overShare[reason] = (counts.overShare[reason] ?? 0) + 1
    },
    drained: () => {},
    closed: (owner, code, clean) => closed(owner, { kind: 'closed', code, clean }),
    unsubscribed: (topic, remaining) => {
      if (remaining === 0) hub.unattended.add(userOfTopic(topic))
    },
  }
}

function hasRoomFor(early: readonly FromTransport[], message: FromTransport): boolean {
  let bytes = 0
  for (const one of [...early, message]) if (one.kind === 'frame') bytes += one.data.length
  return early.length < EARLY_COUNT_MAX && bytes <= EARLY_BYTES_MAX
}

function reportIo(report: Report, hub: Hub, counts: IoCounts, gauges: FanOutGauges): void {
  report.level('connections', hub.connections.size)
  report.level('subscriptions', counts.subscriptions)
  report.level('watchesLingering', hub.unattended.size)
  report.level('watchesWaiting', gauges.waiting())
  report.total('logins', counts.logins)
  report.total('statusPushes', counts.statusPushes)
  reportTotals(report, 'loginErrors', 'code', counts.loginErrors)
  reportTotals(report, 'requests', 'req', counts.requests)
  reportTotals(report, 'requestErrors', 'code', counts.requestErrors)
  report.total('messagePushes', counts.pushes)
  reportTotals(report, 'closes', 'reason', counts.closes)
  reportTotals(report, 'handshakesMalformed', 'reason', counts.malformed)
  reportTotals(report, 'overShare', 'reason', counts.overShare)
  reportTotals(report, 'checkChanges', 'check', counts.checkChanges)
  reportTotals(report, 'checkRefusals', 'check', counts.checkRefusals)
}
