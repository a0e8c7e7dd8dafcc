/** What a listener owns, and what it sends itself. Thread: io. */
import type { TokenVerdict } from '../../../src/auth/tokens.js'
import type { SharedConnectionCounts } from '../../../src/doors/websocket/connection-counts.js'
import type { HandshakeArgs } from '../../../src/doors/websocket/handshake.js'
import type { HandshakeThrottle } from '../../../src/doors/websocket/handshake-throttle.js'
import type { Hub } from '../../../src/doors/websocket/hub.js'
import type { Rates } from '../../../src/doors/websocket/rates.js'
import type { Socket, UpgradeRequest } from '../../../src/doors/websocket/transport/transport.js'
import type { OriginCheck } from '../../../src/net/origin.js'
import type { Addresses } from '../../../src/protocol/addresses.js'
import type * as Listener from '../../../src/protocol/listener.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { TokenDigest } from '../../../src/rules/logins/token-digest.js'
import type { PlatformId, Seat, TokenState, UserId } from '../../../src/rules/types.js'
import type { Context, Outcome, Ref } from '../../../src/runtime/index.js'
import {
  type ConnectionCounts,
  type ConnectionSettings,
  type FromTransport,
  type Heard,
  newConnectionCounts,
} from '../connection.js'
import type { AsideSettings, FromAside } from './standing-aside.js'

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

export function newListenerCounts(): ListenerCounts {
  return { ...newConnectionCounts(), logins: 0, loginErrors: {} }
}

/** What the transport keeps with a socket. */
export interface Owner extends Heard {
  /** Undefined until the verdict, and for ever when that is a refusal. */
  connection: Ref<FromTransport> | undefined
  /** What came before the verdict, for the connection to hear. */
  early: readonly FromTransport[]
}

/** One empty list for all: one of its own would be kept as long as the socket. */
export const NOTHING: readonly FromTransport[] = []

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
  /** Unix ms, as messages have it: by the clock of their database. */
  messageMs: () => number
}

export interface State extends Args {
  throttle: HandshakeThrottle
  /** Handshakes under way, each with a place taken. */
  attempts: Set<Attempt>
  /** Another process has this node's name. */
  isAside: boolean
}

/** One handshake under way. */
export interface Attempt {
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
  /** Of those in `steps.ts`. */
  stepsDone: number
}

/** What comes from this thread's transport, and what only the listener sends itself. */
type Private =
  | { kind: 'upgrade'; request: UpgradeRequest<Owner> }
  | { kind: 'verified'; attempt: Attempt; outcome: Outcome<TokenVerdict> }
  | { kind: 'tokenChecked'; attempt: Attempt; outcome: Outcome<TokenState> }
  | { kind: 'admitted'; attempt: Attempt; outcome: Outcome<PresenceShard.AdmitVerdict> }
  | FromAside

/** Everything that a listener hears; `upgrade` only from its own thread. */
export type Message = Listener.Command | Private

export type Ctx = Context<Message>
