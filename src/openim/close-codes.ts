/** Close codes (RFC 6455, 7.4): those that this gateway sends or reports, and what a client's says about its user. */

export const CloseCode = {
  Normal: 1000,
  /** A page that is reloaded or left, an app that is put aside; and a node that goes away. */
  GoingAway: 1001,
  /** Reported for a close frame without a code: `close()` of a browser, and how OpenIM's js SDK logs out. */
  NoCode: 1005,
  /** Reported where no close frame came. */
  NoCloseFrame: 1006,
  /** The peer sent more than its share. */
  PolicyViolation: 1008,
  MessageTooLong: 1009,
  /** Reported of a peer that did not read. */
  TryAgainLater: 1013,
} as const

/** What the transport reports of peers that it cut: those that did not read, and those that sent too much. */
const CUTS: Readonly<Record<number, string>> = {
  [CloseCode.PolicyViolation]: 'flood',
  [CloseCode.TryAgainLater]: 'slowReader',
}
/** Codes that only an application gives. */
const OF_APPLICATIONS = { first: 3000, last: 4999 }

/**
 * Whether the user has left by choice, so that nobody waits for them. All other codes mean that the client ended, failed
 * or moved on, and may be back within the grace: GoingAway is what a browser sends at each reload.
 */
export function isGoodbye(code: number): boolean {
  if (code === CloseCode.Normal || code === CloseCode.NoCode) return true
  return code >= OF_APPLICATIONS.first && code <= OF_APPLICATIONS.last
}

/** The reason in metrics of an end that this side did not ask for. `clean`: a close frame came from the client. */
export function closeReason(code: number, clean: boolean): string {
  if (!clean) return CUTS[code] ?? 'broken'
  if (isGoodbye(code)) return 'goodbye'
  return code === CloseCode.GoingAway ? 'away' : 'broken'
}
