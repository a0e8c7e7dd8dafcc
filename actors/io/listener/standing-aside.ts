/**
 * While another process has this node's name, what clients do here is recorded nowhere: they are sent away, at the rate
 * of a stop, and nobody is let in. Thread: io.
 */
import { connectionLimitError, type HandshakeError } from '../../../src/doors/websocket/handshake.js'
import type { Hub } from '../../../src/doors/websocket/hub.js'
import type { Context } from '../../../src/runtime/index.js'

export interface AsideSettings {
  /** This thread's share of DRAIN_RATE. */
  drainRate: number
}

export type FromAside = { kind: 'dismissDue' }

interface State {
  hub: Hub
  settings: AsideSettings
  isAside: boolean
}

const DISMISS_MS = 100

export function onStandAside(ctx: Context<FromAside>, state: State, isAside: boolean): void {
  if (isAside && !state.isAside) ctx.every('dismiss', DISMISS_MS, { kind: 'dismissDue' })
  if (!isAside) ctx.cancel('dismiss')
  state.isAside = isAside
}

export function onDismissDue(ctx: Context<FromAside>, { hub, settings }: State): void {
  let left = Math.ceil((settings.drainRate * DISMISS_MS) / 1_000)
  for (const { connection } of hub.connections.values()) {
    if (left-- === 0) return
    ctx.tell(connection, { kind: 'dismiss' })
  }
}

export function asideError(): HandshakeError {
  return connectionLimitError(
    'this node is out of service: another process has its NODE_ID; retry on another node',
  )
}
