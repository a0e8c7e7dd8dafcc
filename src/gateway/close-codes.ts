/** What the code of a client's close frame (RFC 6455, 7.4) says about its user. */

const NORMAL = 1000
/** A page that is reloaded or left, an app that is put aside. */
const GOING_AWAY = 1001
/** Reported for a close frame without a code: `close()` of a browser, and how OpenIM's js SDK logs out. */
const NO_CODE = 1005
/** What the transport reports when it cut a peer that did not read. */
const SLOW_READER = 1013
/** Codes that only an application gives. */
const OF_APPLICATIONS = { first: 3000, last: 4999 }

/**
 * Whether the user has left by choice, so that nobody waits for them. All other codes mean that the client ended, failed
 * or moved on, and may be back within the grace: 1001 is what a browser sends at each reload.
 */
export function isGoodbye(code: number): boolean {
  return (
    code === NORMAL || code === NO_CODE || (code >= OF_APPLICATIONS.first && code <= OF_APPLICATIONS.last)
  )
}

/** The reason in metrics of an end that the client, or its network, brought about. */
export function closeReason(code: number): string {
  if (isGoodbye(code)) return 'goodbye'
  if (code === GOING_AWAY) return 'away'
  return code === SLOW_READER ? 'slowReader' : 'broken'
}
