/** How a handshake is refused: in OpenIM's words, as an HTTP answer or as a frame, and its place is free again. Thread: io. */
import { type HandshakeError, refusal } from '../../../src/doors/websocket/handshake.js'
import type { UpgradeRequest } from '../../../src/doors/websocket/transport/transport.js'
import type { WireCode } from '../../../src/openim/codes.js'
import { encodeVerdict, VERDICT_CONTENT_TYPE } from '../../../src/openim/verdict.js'
import type { Attempt, Owner, State } from './state.js'

export function reject(state: State, attempt: Attempt, errCode: WireCode, errDlt: string): void {
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
export function giveUp(
  state: State,
  request: UpgradeRequest<Owner>,
  error: HandshakeError,
  status?: number,
): void {
  state.places.remove(request.address)
  refuse(state, request, error, status)
}

/** With status 200 where nothing else is said, as OpenIM does: native clients read the body. */
export function refuse(
  state: State,
  request: UpgradeRequest<Owner>,
  error: HandshakeError,
  status = 200,
): void {
  count(state, error.errCode)
  request.refuse(status, VERDICT_CONTENT_TYPE, encodeVerdict(error))
}

function count(state: State, errCode: number): void {
  state.counts.loginErrors[errCode] = (state.counts.loginErrors[errCode] ?? 0) + 1
}
