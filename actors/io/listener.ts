/**
 * Listener: accepts or refuses logins on one io thread, and tells restarted shards of the open connections.
 *
 * Thread  io                          Owns   nothing but the handshakes under way
 * Hears   Listener.Command, upgrades  Tells  TokenSync.Command, PresenceShard.Command, Connection.Command
 * Timers  dismiss
 * Fails   restarts; handshakes under way are refused and their clients try again
 *
 * A handshake is a pipeline: capacity → origin → arguments (`listener/opening.ts`) → token → rate → token's state → seat
 * (`listener/steps.ts`) → accept. Each step either goes on or refuses, in OpenIM's words; a place is taken first and
 * given back with every end. A client that asked for the verdict as a frame (a browser) is upgraded once its arguments
 * are read, the others when all is well.
 */
import { HandshakeThrottle } from '../../src/doors/websocket/handshake-throttle.js'
import { WireCode } from '../../src/openim/codes.js'
import { assertNever, defineActor } from '../../src/runtime/index.js'
import { onUpgrade } from './listener/opening.js'
import { reject } from './listener/refusals.js'
import { onDismissDue, onStandAside } from './listener/standing-aside.js'
import type { Args, Ctx, Message, State } from './listener/state.js'
import { onAdmitted, onTokenChecked, onVerified } from './listener/steps.js'

export {
  type Args,
  type ListenerCounts,
  type ListenerSettings,
  type Message,
  newListenerCounts,
  type Owner,
} from './listener/state.js'

export const listener = defineActor<Message, State, Args>({ kind: 'listener', start, receive, onStop })

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

// Handlers: accepted logins

function onAnnounce(ctx: Ctx, state: State, shard: number): void {
  const connections = [...state.hub.connections.values()].filter(
    ({ userId }) => state.addresses.shardOf(userId) === shard,
  )
  ctx.tell(state.addresses.shards[shard]!, { kind: 'announced', thread: ctx.self.thread, connections })
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  return {
    ...args,
    throttle: new HandshakeThrottle(args.settings.handshakesPerSMax, ctx.nowMs()),
    attempts: new Set(),
    isAside: false,
  }
}

/** The verdicts of open handshakes would be lost: refuse the clients, and free their places. */
function onStop(_ctx: Ctx, state: State): void {
  for (const attempt of state.attempts) {
    reject(state, attempt, WireCode.ServerInternalError, 'the gateway restarts, try again')
  }
}
