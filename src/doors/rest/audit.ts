/**
 * The audit trail: which administrator did what to which users, from which address, and which calls were refused. It
 * never contains a token or a secret.
 */

export interface AuditLine {
  path: string
  address: string
  /** The administrator; absent where nobody was recognized. */
  by?: string
  /** The users, tokens or connections that it was done to. */
  on?: object
  errCode: number
  /** Why it was refused. */
  reason?: string
}

export interface AuditTrail {
  /** An act of an administrator's, done or failed. */
  act(line: AuditLine): void
  /** A failed secret, or a call that only an administrator may make. As many as somebody sends. */
  refused(line: AuditLine): void
}
