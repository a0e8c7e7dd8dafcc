/**
 * What a connection hears from other actors. Its frames come from its own thread's transport. All but `Watched`,
 * `NotWatched` and `Push` are signals: no flood of frames may keep them out.
 */
import type { Late } from '../rules/messages/late.js'
import type { LoginNumber } from '../rules/types.js'

/**
 * The user may not stay: flag the token as kicked by the login `by`, send the kick frame (2002), then close.
 * presence shard → connection (io). May be repeated.
 */
export interface EndLogin {
  kind: 'kick'
  by: LoginNumber
}

/**
 * The same device has logged in again: close in silence, unless the client answers a ping in time; then say so
 * (`Answered`). presence shard → connection (io). May be repeated.
 */
export interface Probe {
  kind: 'probe'
}

/** The token was kicked by an earlier login than this one: say so to the store. presence shard → connection (io). */
export interface Vouch {
  kind: 'vouch'
  login: LoginNumber
}

/** The login has its number: keep it for the shard, which forgets it when it restarts. presence shard → connection (io). */
export interface Numbered {
  kind: 'numbered'
  login: LoginNumber
}

/** All users of a pending subscription are on the status board now. fan-out → connection, same thread. */
export interface Watched {
  kind: 'watched'
  requestId: number
}

/**
 * They are not, and nothing was changed: too many wait for their first answer (`busy`: again later), or this node watches
 * as many users as it may (`full`). fan-out → connection, same thread.
 */
export interface NotWatched {
  kind: 'notWatched'
  requestId: number
  reason: 'busy' | 'full'
}

/**
 * The node goes away, or the client may lack messages: close with a close frame. The user may be back, on another node or
 * this one. io thread, presence shard → connection (io).
 */
export interface Dismiss {
  kind: 'dismiss'
}

/** A message for this client. deliveries → connection, same thread; one that it has no room for closes the connection. */
export interface Push {
  kind: 'push'
  /** The frame by the number of its encoding; encoded once for all who get it. */
  frame: { in(encoding: number): Uint8Array }
  /** It comes late: not for a client that has read it. Undefined = it does not. */
  late: Late | undefined
}

export type Command = EndLogin | Probe | Vouch | Numbered | Watched | NotWatched | Dismiss | Push
