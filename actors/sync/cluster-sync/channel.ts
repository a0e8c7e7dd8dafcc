/**
 * Whether this node hears what others say: it says something to itself, on the way that others take, and hears it, or
 * not. A connection that listens may be deaf in many ways that it cannot know of: its right to the channel was taken
 * away, it came back at another server, a proxy does not carry what is published. Thread: sync.
 */
import type { Outcome } from '../../../src/runtime/index.js'
import type { ChannelState, Ctx, State } from './state.js'

const PROBES_PER_LEASE = 3
/** One note may be lost with a connection that is being replaced. */
const FAILURES_MAX = 2

export function newChannel(): ChannelState {
  return { isProbing: false, failures: 0, failsSinceMs: 0 }
}

/** From now on, and at once. */
export function probeChannelAnew(ctx: Ctx, state: State): void {
  ctx.every('channel', state.settings.nodeLeaseMs / PROBES_PER_LEASE, { kind: 'probeChannel' })
  probeChannel(ctx, state)
}

export function probeChannel(ctx: Ctx, state: State): void {
  const { channel, access } = state
  const { health } = access
  // A store that is away and a rival for the name are parts of readiness of their own.
  if (channel.isProbing || health.store !== undefined || health.nodeId !== undefined) return
  channel.isProbing = true
  ctx.pipe(state.store.bus.probeChannel(), (outcome) => ({ kind: 'channelProbed', outcome }))
}

export function onChannelProbed(ctx: Ctx, state: State, outcome: Outcome<void>): void {
  const { channel, access } = state
  const { health } = access
  channel.isProbing = false
  if (outcome.ok) {
    if (health.channel !== undefined) ctx.log.info({}, 'messages of other nodes are received again')
    channel.failures = 0
    health.channel = undefined
    return
  }
  if (channel.failures === 0) channel.failsSinceMs = ctx.nowMs()
  channel.failures++
  const reason = outcome.error.message
  if (channel.failures < FAILURES_MAX) return
  if (health.channel === undefined) ctx.log.warn({ reason }, 'messages of other nodes are not received')
  health.channel = { reason, sinceMs: channel.failsSinceMs }
}
