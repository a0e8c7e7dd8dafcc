/** The io role: one transport, a listener, a fan-out, and a connection for each socket. */
import type { FromTransport } from '../../actors/connection.js'
import { fanOut } from '../../actors/fan-out.js'
import { type ListenerCounts, listener, type Message, type Owner } from '../../actors/listener.js'
import { canonicalToken } from '../auth/canonical-token.js'
import type { TokenKeys } from '../auth/keys.js'
import { verifyToken } from '../auth/tokens.js'
import { VerificationCache } from '../auth/verification-cache.js'
import { SharedConnectionCounts } from '../gateway/connection-counts.js'
import { Hub, userOfTopic } from '../gateway/hub.js'
import { Rates } from '../gateway/rates.js'
import { loadTransport } from '../gateway/transport/load-transport.js'
import type { Transport, TransportHandlers } from '../gateway/transport/transport.js'
import type { Report } from '../observe/metrics.js'
import { Addresses, FAN_OUT, LISTENER } from '../protocol/addresses.js'
import { type ActorSystem, type Ref, refTo } from '../runtime/index.js'
import type { Home, PrepareResident, Resident } from './resident.js'
import { platformTable, rightsOf, seating, tokenKeysOf } from './settings.js'
import { reportTotals } from './thread-meter.js'

/** How long the last sockets have to take their goodbye. */
const GOODBYE_MS = 2_000
const GOODBYE_LOOK_MS = 10
/** Frames of a client that does not wait for the verdict; real ones wait. */
const EARLY_COUNT_MAX = 16

export const prepare: PrepareResident = async (task) => {
  const keys = await tokenKeysOf(task)
  return (home) => open(home, keys)
}

function open(home: Home, keys: TokenKeys): Resident {
  const { system, settings, index } = home
  const { config, topology } = settings
  const hub = new Hub()
  const counts: ListenerCounts & { statusPushes: number } = {
    logins: 0,
    loginErrors: {},
    requests: {},
    requestErrors: {},
    closes: {},
    subscriptions: 0,
    statusPushes: 0,
  }
  const transport = openTransport(home, hub)
  const addresses = new Addresses(topology)
  const platforms = platformTable(config)
  const rights = rightsOf(config)
  const verified = new VerificationCache({
    max: config.tokenCacheMax,
    keys,
    verify: (token) => verifyToken(token, { keys, nowMs: Date.now() }),
    nowMs: Date.now,
  })
  system.spawn(fanOut, { hub, transport, addresses, counts }, FAN_OUT)
  system.spawn(
    listener,
    {
      hub,
      places: new SharedConnectionCounts(settings.connectionCounts, index),
      rates: new Rates(settings.rates, config, Date.now),
      addresses,
      settings: {
        ...config,
        mayWatch: rights.mayWatch,
        handshakesPerSMax: Math.ceil(config.handshakesPerSMax / topology.io.length),
      },
      counts,
      isKnownPlatform: (platformId) => platforms.isKnown(platformId),
      isAdmin: rights.isAdmin,
      canonicalToken: (token) => canonicalToken(token, keys.algorithm),
      verifyToken: (token, digest) => verified.verify(token, digest),
      isSeated: seating(config) !== undefined,
      needsRecord: rights.needsRecord,
      wallMs: Date.now,
    },
    LISTENER,
  )
  home.meter.metrics.onSnapshot((report) => reportIo(report, hub, counts))

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
    release: () => transport.close(),
    parts: () => [
      { name: `io-${index}`, ready: isListening, missing: isListening ? undefined : 'not listening' },
    ],
  }
}

/** Send the clients away, so many a second. Ends when all have gone, or have had time to. */
async function dismissAll(system: ActorSystem, hub: Hub, ratePerS: number): Promise<void> {
  const pause = () => new Promise((resolve) => setTimeout(resolve, GOODBYE_LOOK_MS))
  const sinceMs = performance.now()
  let dismissed = 0
  for (const { connection } of [...hub.connections.values()]) {
    while (dismissed > ((performance.now() - sinceMs) / 1_000) * ratePerS) await pause()
    if (!hub.connections.has(connection.actor)) continue
    system.tell(connection, { kind: 'dismiss' })
    dismissed++
  }
  const deadlineMs = performance.now() + GOODBYE_MS
  while (hub.connections.size > 0 && performance.now() < deadlineMs) await pause()
}

function openTransport({ system, settings, slot }: Home, hub: Hub): Transport {
  const { config } = settings
  const { create } = loadTransport(config.transport)
  const toListener: Ref<Message> = refTo(slot, LISTENER)
  return create<Owner>(handlersFor(system, toListener, hub), {
    messageBytesMax: config.messageBytesMax,
    backpressureBytesMax: config.backpressureBytesMax,
  })
}

/** From callbacks to messages. What comes before there is a connection waits for it with the socket. */
function handlersFor(system: ActorSystem, toListener: Ref<Message>, hub: Hub): TransportHandlers<Owner> {
  const tell = (owner: Owner, message: FromTransport) => {
    if (owner.connection !== undefined) system.tell(owner.connection, message)
    else if (owner.early.length < EARLY_COUNT_MAX || message.kind === 'closed') {
      owner.early = [...owner.early, message]
    }
  }
  return {
    // At once: a socket that is accepted inside this callback costs the transport least.
    upgrade: (request) => system.tellNow(toListener, { kind: 'upgrade', request }),
    message: (owner, data, isBinary) => tell(owner, { kind: 'frame', data, isBinary }),
    heard: (owner) => tell(owner, { kind: 'heard' }),
    drained: () => {},
    closed: (owner, code, clean) => tell(owner, { kind: 'closed', code, clean }),
    unsubscribed: (topic, remaining) => {
      if (remaining === 0) hub.unattended.add(userOfTopic(topic))
    },
  }
}

function reportIo(report: Report, hub: Hub, counts: ListenerCounts & { statusPushes: number }): void {
  report.level('connections', hub.connections.size)
  report.level('subscriptions', counts.subscriptions)
  report.total('logins', counts.logins)
  report.total('statusPushes', counts.statusPushes)
  reportTotals(report, 'loginErrors', 'code', counts.loginErrors)
  reportTotals(report, 'requests', 'req', counts.requests)
  reportTotals(report, 'requestErrors', 'code', counts.requestErrors)
  reportTotals(report, 'closes', 'reason', counts.closes)
}
