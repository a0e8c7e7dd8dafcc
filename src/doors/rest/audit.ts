/**
 * The audit trail: who did what to whom, from where, and who was refused. No token and no secret is ever part of it.
 */

export interface AuditLine {
  path: string
  address: string
  /** The administrator; absent where nobody was recognized. */
  by?: string
  /** What was done to whom. */
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
