/** What a connection hears from other actors. Its frames come from its own thread's transport. */

/** The user may not stay: send the kick frame (2002), then close. presence shard → connection (io). */
export interface Kick {
  kind: 'kick'
}

/** All users of a pending subscription are on the status board now. fan-out → connection, same thread. */
export interface Watched {
  kind: 'watched'
  requestId: number
}

/** The node goes away: say goodbye with a close frame. listener → connection, same thread. */
export interface Dismiss {
  kind: 'dismiss'
}

export type Command = Kick | Watched | Dismiss
