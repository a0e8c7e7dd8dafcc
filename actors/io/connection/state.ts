/** The state of a connection, its private messages, and steps that several handlers share. Thread: io. */

import type { SharedConnectionCounts } from '../../../src/doors/websocket/connection-counts.js'
import type { FrameExcess } from '../../../src/doors/websocket/frame-budget.js'
import type { Hub } from '../../../src/doors/websocket/hub.js'
import type { LeakyBucket } from '../../../src/doors/websocket/leaky-bucket.js'
import type { Rates } from '../../../src/doors/websocket/rates.js'
import type { RequestBudget } from '../../../src/doors/websocket/request-budget.js'
import type { Socket } from '../../../src/doors/websocket/transport/transport.js'
import type { FrameEncoding } from '../../../src/openim/codec/encodings.js'
import type { RequestEnvelope, RequestLabels, ResponseEnvelope } from '../../../src/openim/codec/envelope.js'
import { countFields } from '../../../src/openim/codec/protobuf-fields.js'
import type { StorageRefs } from '../../../src/protocol/addresses.js'
import type * as Connection from '../../../src/protocol/connection.js'
import type * as FanOut from '../../../src/protocol/fan-out.js'
import type { CallAnswer } from '../../../src/protocol/operations.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type * as TokenSync from '../../../src/protocol/token-sync.js'
import type { TokenDigest } from '../../../src/rules/logins/token-digest.js'
import type { OwnGroup } from '../../../src/rules/messages/audiences.js'
import type { ConversationId } from '../../../src/rules/messages/conversation-id.js'
import type { SendOutcome } from '../../../src/rules/messages/types.js'
import type { PlatformId, Seat, UserId } from '../../../src/rules/types.js'
import type { Context, Outcome, Ref } from '../../../src/runtime/index.js'
import type { CheckCounts, MessageCheck } from '../../../src/services/messages/checks/check.js'

export interface ConnectionSettings {
  inflatedBytesMax: number
  requestsPerSMax: number
  watchesPerConnectionMax: number
  newWatchesPerMin: number
  readTimeoutMs: number
  /** WATCH_POLICY: whether `asker` may know where a user is. */
  mayWatch(asker: UserId, userId: UserId): boolean
  /** Of users' messages, in their order. */
  checks: readonly MessageCheck[]
}

/** Why something that a client sent was refused, slowed or cut. */
export type OverShare =
  | FrameExcess
  | 'requests'
  | 'sends'
  | 'unread'
  | 'list'
  | 'newWatches'
  | 'waitingWatches'
  | 'watchedUsers'

export interface ConnectionCounts extends CheckCounts {
  /** By request identifier; `text` for pings. */
  requests: Record<string, number>
  /** By error code. */
  requestErrors: Record<string, number>
  /** By reason. */
  closes: Record<string, number>
  /** Requests and frames over a limit, by reason. */
  overShare: Record<string, number>
  subscriptions: number
}

export function newConnectionCounts(): ConnectionCounts {
  return {
    requests: {},
    requestErrors: {},
    closes: {},
    overShare: {},
    subscriptions: 0,
    checkChanges: {},
    checkRefusals: {},
  }
}

/** When the client was last heard; the transport's callbacks write it too, once for each ping. */
export interface Heard {
  heardMs: number
}

export interface Args {
  socket: Socket
  heard: Heard
  userId: UserId
  platformId: PlatformId
  /** The arguments of the client's handshake. */
  background: boolean
  /** The token of the login, and until when it is good, by this thread's clock. */
  token: string
  tokenEndsMs: number
  digest: TokenDigest
  /** Where seats are in use. */
  seat: Seat | undefined
  encoding: FrameEncoding
  hub: Hub
  shard: Ref<PresenceShard.Command>
  fanOut: Ref<FanOut.Command>
  tokenSync: Ref<TokenSync.Command>
  /** Undefined = no messages are served. */
  storage: StorageRefs | undefined
  isAdmin: boolean
  /** The time of day, as messages have it. */
  wallMs(): number
  settings: ConnectionSettings
  rates: Pick<Rates, 'requestOfUser' | 'chargeUser' | 'watchesOfUser' | 'sendOfUser'>
  counts: ConnectionCounts
  places: Pick<SharedConnectionCounts, 'remove'>
}

export interface State extends Omit<Args, 'background' | 'digest' | 'seat'> {
  /** The connection as shards know it. */
  report: PresenceShard.ConnectionReport
  budget: RequestBudget
  watches: number
  /** Watches begun; made by the first. */
  newWatches: LeakyBucket | undefined
  /** Subscriptions that wait for the status board; made when there is one. */
  pending: Map<number, PendingSubscription> | undefined
  nextRequestId: number
  isKicked: boolean
  /** The probe under way: since when, and how often its answer was looked for. */
  probe: { sinceMs: number; looks: number } | undefined
  /** Made by the first read. */
  reading: Reading | undefined
  /** The groups of the user are known here: messages to them are pushed. */
  hasGroups: boolean
  /** When the store had recorded the login (time of day); undefined = it has not. */
  recordedMs: number | undefined
  /** Why this side closes, and whether that is the user's own goodbye. Undefined = it does not. */
  ending: { reason: string; isGoodbye: boolean } | undefined
}

export interface Reading {
  /** Reads that wait until the login is recorded. */
  waiting: RequestEnvelope[]
  /** When the client read before the login was recorded (time of day); undefined = it did not. */
  earlyMs: number | undefined
  /** How far the client was told that conversations go, of those with a recent message. */
  told: Map<ConversationId, number>
}

export interface PendingSubscription {
  labels: RequestLabels
  /** As asked, each once, for the answer. */
  userIds: UserId[]
  /** Those still to be subscribed: an unsubscribe that came meanwhile takes its users out. */
  subscribe: Set<UserId>
  /** How many of them were neither watched nor asked for before. */
  fresh: number
}

/** Events of this thread's transport. */
export type FromTransport =
  | { kind: 'frame'; data: Uint8Array; isBinary: boolean }
  | { kind: 'closed'; code: number; clean: boolean }

export type Private =
  | { kind: 'tokenFlagged' }
  | { kind: 'sent'; labels: RequestLabels; clientMsgId: string; outcome: Outcome<SendOutcome> }
  | { kind: 'recordOverdue' }
  | { kind: 'groupsDue' }
  | { kind: 'groupsRead'; outcome: Outcome<OwnGroup[]> }
  | { kind: 'readAnswered'; labels: RequestLabels; outcome: Outcome<CallAnswer> }
  | { kind: 'readDue' }
  | { kind: 'pingDue' }
  | { kind: 'probeDue' }
  | { kind: 'subscribeDue'; requestId: number }

export type Message = Connection.Command | FromTransport | Private
export type Ctx = Context<Message>

export function send(state: State, response: ResponseEnvelope): void {
  if (response.errCode !== 0) count(state.counts.requestErrors, response.errCode)
  state.socket.send(state.encoding.encodeResponse(response), true)
}

/** Charge the weight of a request's contents to the limits of this connection and of its user. */
export function charge(ctx: Ctx, state: State, weight: number): void {
  state.budget.charge(weight, ctx.nowMs())
  state.rates.chargeUser(state.userId, weight)
}

/** Answer that a limit is reached. */
export function refuse(state: State, reason: OverShare, response: ResponseEnvelope): void {
  count(state.counts.overShare, reason)
  send(state, response)
}

/** Fields of a message without lists, and such as are unknown to us. */
export const FIELDS_MAX = 64

/** Undefined = it cannot be read, or has more fields. */
export function decode<T>(
  message: { decode(bytes: Uint8Array): T },
  { data }: RequestEnvelope,
  fieldsMax = FIELDS_MAX,
): T | undefined {
  const counts = countFields(data, fieldsMax)
  if (counts === undefined || counts[0] + counts[1] + counts[2] > fieldsMax) return undefined
  try {
    return message.decode(data)
  } catch {
    return undefined
  }
}

export function count(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1
}
