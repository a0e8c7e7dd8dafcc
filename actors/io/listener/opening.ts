/** How a handshake begins: a place for it, its origin, its arguments. What fails here never becomes an attempt. Thread: io. */
import {
  connectionLimitError,
  foreignOriginError,
  type HandshakeArgs,
  type HandshakeError,
  loginRateError,
  parseHandshake,
} from '../../../src/doors/websocket/handshake.js'
import type { UpgradeRequest } from '../../../src/doors/websocket/transport/transport.js'
import { retryAfter } from '../../../src/openim/codes.js'
import { tokenDigest } from '../../../src/rules/logins/token-digest.js'
import { giveUp, refuse } from './refusals.js'
import { asideError } from './standing-aside.js'
import { type Attempt, type Ctx, NOTHING, type Owner, type State } from './state.js'
import { proceed } from './steps.js'

/** The one refusal with a status of its own: browsers show it to developers. */
const FORBIDDEN = 403
/** When a client should try again that an overloaded node refused. */
const OVERLOAD_MS = 5_000

export function onUpgrade(ctx: Ctx, state: State, request: UpgradeRequest<Owner>): void {
  const full = checkCapacity(ctx, state, request.address)
  if (full !== undefined) return refuse(state, request, full)
  state.places.add(request.address)
  if (!state.isOriginAllowed(request.header('origin'), () => request.hosts())) {
    return giveUp(state, request, foreignOriginError(), FORBIDDEN)
  }
  const handshake = parseHandshake(request.query, request.header('compression'), state.isKnownPlatform)
  if (!handshake.ok) return giveUp(state, request, handshake.error)
  const { args } = handshake
  if (state.isOverloaded(state.addresses.shardFor(args.userId))) {
    return giveUp(state, request, connectionLimitError(`this node is overloaded, ${retryAfter(OVERLOAD_MS)}`))
  }
  const attempt = begin(ctx, state, request, args)
  state.attempts.add(attempt)
  proceed(ctx, state, attempt)
}

function begin(ctx: Ctx, state: State, request: UpgradeRequest<Owner>, args: HandshakeArgs): Attempt {
  const owner: Owner = { connection: undefined, early: NOTHING, heardMs: ctx.nowMs() }
  args.token = state.canonicalToken(args.token)
  return {
    request,
    args,
    digest: tokenDigest(args.token),
    tokenEndsMs: 0,
    seat: undefined,
    owner,
    socket: args.isMsgResp ? request.accept(owner) : undefined,
    stepsDone: 0,
  }
}

function checkCapacity(ctx: Ctx, state: State, address: string): HandshakeError | undefined {
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
  if (waitMs > 0) return loginRateError(`too many logins from this address, ${retryAfter(waitMs)}`)
  const throttledMs = state.throttle.admit(ctx.nowMs())
  if (throttledMs > 0) return connectionLimitError(`too many logins at once, ${retryAfter(throttledMs)}`)
  return undefined
}
