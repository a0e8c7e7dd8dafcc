/** What to say of an error whose own message may say nothing. */
import { codeOf } from '../runtime/errors.js'

/**
 * Why something failed, in the words of whatever failed first: those of an AggregateError are in its errors, those of a
 * Cluster's client in `lastNodeError`, others in a cause. "All promises were rejected" is no reason.
 */
export function reasonOf(error: unknown): string {
  const parts = new Set<string>()
  collectReasons(error, parts, REASON_DEPTH_MAX)
  return [...parts].slice(0, REASONS_MAX).join('; ') || 'no reason was given'
}

const REASON_DEPTH_MAX = 4
const REASONS_MAX = 3
/** What these say is said better by what they carry. */
const WRAPPERS = /^(All promises were rejected|ClusterAllFailedError|Failed to refresh slots cache\.?)$/

function collectReasons(error: unknown, parts: Set<string>, depth: number): void {
  if (!(error instanceof Error)) {
    if (error !== undefined && error !== null) parts.add(String(error))
    return
  }
  const { errors, lastNodeError, cause, message } = error as Error & {
    errors?: unknown
    lastNodeError?: unknown
  }
  const inner = [...(Array.isArray(errors) ? errors : []), lastNodeError, cause].filter(
    (one) => one instanceof Error,
  )
  const text = message || (codeOf(error) ?? error.name)
  if (depth === 0 || inner.length === 0) parts.add(text)
  else {
    if (message !== '' && !WRAPPERS.test(message)) parts.add(text)
    for (const one of inner) collectReasons(one, parts, depth - 1)
  }
}
