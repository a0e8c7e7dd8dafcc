/**
 * Listener: decides who may come in on one io thread, and says who is in.
 *
 * Thread  io                          Owns   nothing but the handshakes under way
 * Hears   Listener.Command, upgrades  Tells  TokenSync.Command, PresenceShard.Command; spawns connections
 * Timers  dismissDue
 * Fails   restarts; handshakes under way are refused and their clients try again
 *
 * A handshake is a pipeline: place → origin → arguments → token → rate → token's state →
 * seat → accept. Each step either goes on
 * or refuses, in OpenIM's words; a place is taken first and given back by whoever ends the handshake. Who asked for
 * the verdict as a frame (browsers) is upgraded once his arguments are read, the others when all is well.
 */
import { stateFault } from '../../src/auth/token-records.js'
import { checkLogin, type TokenFault, type TokenVerdict } from '../../src/auth/tokens.js'
import { Admission } from '../../src/doors/websocket/admission.js'
import type { SharedConnectionCounts } from '../../src/doors/websocket/connection-counts.js'
import {
  connectionLimitError,
  foreignOriginError,
  type HandshakeArgs,
  type HandshakeError,
  loginRateError,
  parseHandshake,
  refusal,
} from '../../src/doors/websocket/handshake.js'
import type { Hub } from '../../src/doors/websocket/hub.js'
import type { Rates } from '../../src/doors/websocket/rates.js'
import type { Socket, UpgradeRequest } from '../../src/doors/websocket/transport/transport.js'
import type { OriginCheck } from '../../src/net/origin.js'
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { WireCode } from '../../src/openim/codes.js'
import { encodeVerdict, SUCCESS_TEXT, VERDICT_CONTENT_TYPE } from '../../src/openim/verdict.js'
import type { Addresses } from '../../src/protocol/addresses.js'
import type * as Listener from '../../src/protocol/listener.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { type TokenDigest, tokenDigest } from '../../src/rules/logins/token-digest.js'
import type { PlatformId, Seat, SeatRefusal, TokenState, UserId } from '../../src/rules/types.js'
import {
  assertNever,
  type Context,
  defineActor,
  hasCode,
  type Outcome,
  type Ref,
} from '../../src/runtime/index.js'
import {
  type ConnectionCounts,
  type ConnectionSettings,
  connection,
  type FromTransport,
  type Heard,
} from './connection.js'
import {
  type AsideSettings,
  asideError,
  type FromAside,
  onDismissDue,
  onStandAside,
} from './listener/standing-aside.js'

export interface ListenerSettings extends ConnectionSettings, AsideSettings {
  maxConnections: number
  maxConnectionsPerAddress: number
  /** This thread's share. */
  handshakesPerSMax: number
  handshakeTimeoutMs: number
  authWhenStoreDown: 'allow' | 'deny'
}

export interface ListenerCounts extends ConnectionCounts {
  logins: number
  /** By error code. */
  loginErrors: Record<string, number>
}

/** What the transport keeps with a socket. */
export interface Owner extends Heard {
  /** Undefined until the verdict, and for ever when that is a refusal. */
  connection: Ref<FromTransport> | undefined
  /** What came before the verdict, for the connection to hear. */
  early: readonly FromTransport[]
}

/** One empty list for all: one of its own would be kept as long as the socket. */
const NOTHING: readonly FromTransport[] = []

export interface Args {
  hub: Hub
  places: SharedConnectionCounts
  rates: Rates
  addresses: Addresses
  settings: ListenerSettings
  counts: ListenerCounts
  isOriginAllowed: OriginCheck
  isKnownPlatform: (platformId: PlatformId) => boolean
  isAdmin: (userId: UserId) => boolean
  /** The one text of a token that may have several. */
  canonicalToken: (token: string) => string
  /** What the file descriptors of the process allow. */
  connectionsThatFit: () => number
  /** At once where the token was seen before. */
  verifyToken: (token: string, digest: TokenDigest) => TokenVerdict | Promise<TokenVerdict>
  /** Whether logins take a seat before they come in: where one may be refused. */
  isSeated: boolean
  /** Whether a token of this user's that is not on record is bad. */
  needsRecord: (userId: UserId) => boolean
  /** Whether so much waits for the shard's thread that it should get no more logins. */
  isOverloaded: (shard: Ref<PresenceShard.Command>) => boolean
  /** Unix ms, as tokens have it. */
  wallMs: () => number
}

// State

interface State extends Args {
  admission: Admission
  /** Handshakes under way, each with a place taken. */
  attempts: Set<Attempt>
  /** Another process has this node's name. */
  isAside: boolean
}

/** One handshake under way. */
interface Attempt {
  request: UpgradeRequest<Owner>
  args: HandshakeArgs
  digest: TokenDigest
  /** Where seats are in use, once it is taken. */
  seat: Seat | undefined
  /** When the token ends, by this thread's clock; known once it is verified. */
  tokenEndsMs: number
  owner: Owner
  /** A client that wants its verdict as a frame has its socket already; the others get one with a good verdict. */
  socket: Socket | undefined
}

// Protocol: what comes from this thread's transport, and what only we send ourselves.

type Private =
  | { kind: 'upgrade'; request: UpgradeRequest<Owner> }
  | { kind: 'verified'; attempt: Attempt; outcome: Outcome<TokenVerdict> }
  | { kind: 'tokenChecked'; attempt: Attempt; outcome: Outcome<TokenState> }
  | { kind: 'admitted'; attempt: Attempt; outcome: Outcome<PresenceShard.AdmitVerdict> }
  | FromAside

/** Everything that a listener hears; `upgrade` only from its own thread. */
export type Message = Listener.Command | Private
type Ctx = Context<Message>

export const listener = defineActor<Message, State, Args>({ kind: 'listener', start, receive, onStop })

/** The one refusal with a status of its own: browsers show it to developers. */
const FORBIDDEN = 403
/** When a client should try again that an overloaded node refused. */
const OVERLOAD_MS = 5_000

// Routing

function receive(ctx: Ctx, state: State, message: Message): void {
  switch (message.kind) {
    case 'upgrade':
      return onUpgrade(ctx, state, message.request)
    case 'verified':
      return onVerified(ctx, state, message.attempt, message.outcome)
    case 'tokenChecked':
      return onTokenChecked(ctx, state, message.attempt, message.outcome)
    case 'admitted':
      return onAdmitted(ctx, state, message.attempt, message.outcome)
    case 'announce':
      return onAnnounce(ctx, state, message.shard)
    case 'standAside':
      return onStandAside(ctx, state, message.isAside)
    case 'dismissDue':
      return onDismissDue(ctx, state)
    default:
      assertNever(message)
  }
}

// Handlers: the steps of a handshake

function onUpgrade(ctx: Ctx, state: State, request: UpgradeRequest<Owner>): void {
  const full = findNoPlace(ctx, state, request.address)
  if (full !== undefined) return refuse(state, request, full)
  state.places.add(request.address)
  if (!state.isOriginAllowed(request.header('origin'), () => request.hosts())) {
    return giveUp(state, request, foreignOriginError(), FORBIDDEN)
  }
  const handshake = parseHandshake(request.query, request.header('compression'), state.isKnownPlatform)
  if (!handshake.ok) return giveUp(state, request, handshake.error)
  const { args } = handshake
  if (state.isOverloaded(state.addresses.shardFor(args.userId))) {
    return giveUp(state, request, connectionLimitError(`this node is overloaded, ${comeBackIn(OVERLOAD_MS)}`))
  }
  const owner: Owner = { connection: undefined, early: NOTHING, heardMs: ctx.nowMs() }
  args.token = state.canonicalToken(args.token)
  const digest = tokenDigest(args.token)
  const attempt: Attempt = {
    request,
    args,
    digest,
    tokenEndsMs: 0,
    seat: undefined,
    owner,
    socket: args.isMsgResp ? request.accept(owner) : undefined,
  }
  state.attempts.add(attempt)
  const verdict = state.verifyToken(args.token, digest)
  if (verdict instanceof Promise) ctx.pipe(verdict, (outcome) => ({ kind: 'verified', attempt, outcome }))
  else onVerdict(ctx, state, attempt, verdict)
}

function onVerified(ctx: Ctx, state: State, attempt: Attempt, outcome: Outcome<TokenVerdict>): void {
  if (!outcome.ok) {
    ctx.log.error({ error: outcome.error.message }, 'token could not be verified')
    return reject(state, attempt, WireCode.ServerInternalError, 'the token could not be verified')
  }
  onVerdict(ctx, state, attempt, outcome.value)
}

function onVerdict(ctx: Ctx, state: State, attempt: Attempt, verdict: TokenVerdict): void {
  if (!verdict.ok) return rejectFor(state, attempt, verdict)
  const { userId, platformId, token } = attempt.args
  const mismatch = checkLogin(verdict, userId, platformId)
  if (mismatch !== undefined) return rejectFor(state, attempt, mismatch)
  attempt.tokenEndsMs = ctx.nowMs() + verdict.expiresAtS * 1_000 - state.wallMs()
  // Only now: nobody may use up the logins of another by guessing tokens.
  const waitMs = state.rates.loginOfUser(userId)
  if (waitMs > 0) {
    return reject(
      state,
      attempt,
      WireCode.TooManyLogins,
      `too many logins of this user, ${comeBackIn(waitMs)}`,
    )
  }
  ctx.ask(
    state.addresses.tokenSync,
    { kind: 'checkToken', userId, platformId, token, isLogin: true },
    state.settings.handshakeTimeoutMs,
    (checked) => ({ kind: 'tokenChecked', attempt, outcome: checked }),
  )
}

function onTokenChecked(ctx: Ctx, state: State, attempt: Attempt, outcome: Outcome<TokenState>): void {
  const { userId } = attempt.args
  if (!outcome.ok && hasCode(outcome.error, 'DAMAGED_RECORD'))
    return reject(state, attempt, WireCode.DataError, "the record of this user's tokens is damaged")
  if (!outcome.ok)
    return reject(state, attempt, WireCode.DatabaseError, 'the store is out of reach, try again')
  const fault = stateFault(outcome.value, state.needsRecord(userId))
  if (fault !== undefined) return rejectFor(state, attempt, fault)
  if (state.isSeated && !state.isAdmin(userId)) askForSeat(ctx, state, attempt)
  else accept(ctx, state, attempt)
}

function askForSeat(ctx: Ctx, state: State, attempt: Attempt): void {
  const { userId, platformId } = attempt.args
  ctx.ask(
    state.addresses.shardFor(userId),
    { kind: 'admit', userId, platformId, token: attempt.digest },
    state.settings.handshakeTimeoutMs,
    (outcome) => ({ kind: 'admitted', attempt, outcome }),
  )
}

function onAdmitted(
  ctx: Ctx,
  state: State,
  attempt: Attempt,
  outcome: Outcome<PresenceShard.AdmitVerdict>,
): void {
  if (!outcome.ok) {
    if (state.settings.authWhenStoreDown === 'allow') return accept(ctx, state, attempt)
    return reject(state, attempt, WireCode.DatabaseError, 'the store is out of reach, try again')
  }
  const verdict = outcome.value
  if (!verdict.isAdmitted) return reject(state, attempt, ...SEAT_REFUSALS[verdict.reason])
  attempt.seat = verdict.seat
  accept(ctx, state, attempt)
}

const SEAT_REFUSALS: Record<SeatRefusal, [WireCode, string]> = {
  conflict: [WireCode.LoginConflict, 'another login of this user stays; log it out first'],
  user: [WireCode.TooManyConnectionsOfUser, 'the connection limit of this user is reached'],
  platform: [
    WireCode.TooManyConnectionsOfUser,
    'the connection limit of this user on this platform is reached',
  ],
}

function accept(ctx: Ctx, state: State, attempt: Attempt): void {
  const { request, args, owner } = attempt
  state.attempts.delete(attempt)
  const socket = args.isMsgResp ? attempt.socket : request.accept(owner)
  // The client has gone while its token was looked up.
  if (socket === undefined || owner.early.some(({ kind }) => kind === 'closed')) {
    return leaveAtDoor(ctx, state, attempt)
  }
  state.counts.logins++
  if (args.isMsgResp) socket.send(SUCCESS_TEXT, false)
  owner.connection = ctx.spawn(connection, {
    socket,
    heard: owner,
    userId: args.userId,
    platformId: args.platformId,
    background: args.isBackground,
    token: args.token,
    tokenEndsMs: attempt.tokenEndsMs,
    digest: attempt.digest,
    seat: attempt.seat,
    encoding: frameEncoding(args.sdkType, args.isCompressed),
    hub: state.hub,
    shard: state.addresses.shardFor(args.userId),
    fanOut: state.addresses.fanOutOn(ctx.self.thread),
    tokenSync: state.addresses.tokenSync,
    settings: state.settings,
    rates: state.rates,
    counts: state.counts,
    places: state.places,
  })
  for (const message of owner.early) ctx.signal(owner.connection, message)
  owner.early = NOTHING
}

/** Its place and its seat are free again. */
function leaveAtDoor(ctx: Ctx, state: State, { request, args, seat }: Attempt): void {
  state.places.remove(request.address)
  if (seat !== undefined) ctx.signal(state.addresses.shardFor(args.userId), { kind: 'unseated', seat })
}

// Handlers: who is in

function onAnnounce(ctx: Ctx, state: State, shard: number): void {
  const connections = [...state.hub.connections.values()].filter(
    ({ userId }) => state.addresses.shardOf(userId) === shard,
  )
  ctx.tell(state.addresses.shards[shard]!, { kind: 'announced', thread: ctx.self.thread, connections })
}

// Steps

function findNoPlace(ctx: Ctx, state: State, address: string): HandshakeError | undefined {
  if (state.isAside) return asideError()
  const { maxConnections, maxConnectionsPerAddress } = state.settings
  const holdsMax = Math.min(maxConnections, state.connectionsThatFit())
  if (state.places.total >= holdsMax) {
    return connectionLimitError(`this node holds at most ${holdsMax} connections`)
  }
  if (state.places.ofAddress(address) >= maxConnectionsPerAddress) {
    return connectionLimitError(`at most ${maxConnectionsPerAddress} connections from one address`)
  }
  // Before the rate of the node, which one address alone must not use up.
  const waitMs = state.rates.loginOfAddress(address)
  if (waitMs > 0) return loginRateError(`too many logins from this address, ${comeBackIn(waitMs)}`)
  const awayMs = state.admission.admit(ctx.nowMs())
  if (awayMs > 0) return connectionLimitError(`too many logins at once, ${comeBackIn(awayMs)}`)
  return undefined
}

function comeBackIn(waitMs: number): string {
  return `come back in ${Math.ceil(waitMs / 1_000)} s`
}

function rejectFor(state: State, attempt: Attempt, fault: TokenFault): void {
  reject(state, attempt, fault.errCode, fault.errDlt)
}

function reject(state: State, attempt: Attempt, errCode: WireCode, errDlt: string): void {
  const { request, args, socket } = attempt
  state.attempts.delete(attempt)
  const error = refusal(args, errCode, errDlt)
  if (error.respond === 'http') return giveUp(state, request, error)
  state.places.remove(request.address)
  count(state, errCode)
  socket?.send(encodeVerdict(error), false)
  socket?.drop()
}

/** Refuse over HTTP, and give the place back. */
function giveUp(state: State, request: UpgradeRequest<Owner>, error: HandshakeError, status?: number): void {
  state.places.remove(request.address)
  refuse(state, request, error, status)
}

/** With status 200 where nothing else is said, as OpenIM does: native clients read the body. */
function refuse(state: State, request: UpgradeRequest<Owner>, error: HandshakeError, status = 200): void {
  count(state, error.errCode)
  request.refuse(status, VERDICT_CONTENT_TYPE, encodeVerdict(error))
}

function count(state: State, errCode: number): void {
  state.counts.loginErrors[errCode] = (state.counts.loginErrors[errCode] ?? 0) + 1
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  return {
    ...args,
    admission: new Admission(args.settings.handshakesPerSMax, ctx.nowMs()),
    attempts: new Set(),
    isAside: false,
  }
}

/** Nobody would hear the verdicts: tell the clients, and give their places back. */
function onStop(_ctx: Ctx, state: State): void {
  for (const attempt of state.attempts) {
    reject(state, attempt, WireCode.ServerInternalError, 'the gateway restarts, try again')
  }
}
