/**
 * The audit trail in the log: a line for each act of an administrator; of refused secrets and admin calls a few a second
 * for each address, and how many more there were. Every one is counted.
 */
import type { AuditTrail } from '../doors/rest/audit.js'
import { boundedLog, type Speaker } from '../observe/log.js'
import type { Metrics } from '../observe/metrics.js'

const REFUSED_EVERY_MS = 1_000
const REFUSED_LINES_MAX = 3

/** `flush`: say how many lines were held back. */
export function auditTrail(log: Speaker, { all }: Metrics): AuditTrail & { flush(): void } {
  const refusals = boundedLog(log, { everyMs: REFUSED_EVERY_MS, linesMax: REFUSED_LINES_MAX })
  return {
    act: (line) => {
      all.audited.inc({ kind: 'act' })
      log.info({ kind: 'audit', ...line }, 'an administrator acted')
    },
    refused: (line) => {
      all.audited.inc({ kind: 'refused' })
      refusals.write('warn', `audit ${line.address}`, { kind: 'audit', ...line }, 'refused')
    },
    flush: () => refusals.flush(),
  }
}
