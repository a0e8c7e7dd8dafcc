/** What the code of a client's close frame (RFC 6455, 7.4) says about its user. */

const NORMAL = 1000
/** A page that is reloaded or left, an app that is put aside. */
const GOING_AWAY = 1001
/** Reported for a close frame without a code: `close()` of a browser, and how OpenIM's js SDK logs out. */
const NO_CODE = 1005
/** What the transport reports of peers that it cut: those that did not read, and those that sent too much. */
const CUTS: Readonly<Record<number, string>> = { 1008: 'flood', 1013: 'slowReader' }
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

/** The reason in metrics of an end that this side did not ask for. `clean`: a close frame came from the client. */
export function closeReason(code: number, clean: boolean): string {
  if (!clean) return CUTS[code] ?? 'broken'
  if (isGoodbye(code)) return 'goodbye'
  return code === GOING_AWAY ? 'away' : 'broken'
}
