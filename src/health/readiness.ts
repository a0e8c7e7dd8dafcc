/** Readiness: whether a node can serve, part by part. A part that lacks something says so in words. */

/** One part of readiness, as `/readyz` shows it. */
export interface ReadyPart {
  name: string
  ready: boolean
  /** The node is ready all the same; operators see the fault as a warning. */
  warning?: true
  /** The fault, its cause, and how to fix it. */
  missing?: string
  /** Since when, ISO 8601. */
  since?: string
}

/** Ready = every part is, or only warns. */
export interface Readiness {
  ready: boolean
  parts: ReadyPart[]
}

export interface Liveness {
  alive: boolean
  /** What does not live. */
  missing?: string
}

/** What a part lacks, and since when (Unix ms). */
export interface Fault {
  missing: string
  sinceMs: number
}

export function verdictOn(parts: ReadyPart[]): Readiness {
  return { ready: parts.length > 0 && parts.every(({ ready, warning }) => ready || warning === true), parts }
}

export function partOf(name: string, fault: Fault | undefined, isWarning = false): ReadyPart {
  if (fault === undefined) return { name, ready: true }
  const part: ReadyPart = {
    name,
    ready: false,
    missing: fault.missing,
    since: new Date(fault.sinceMs).toISOString(),
  }
  if (isWarning) part.warning = true
  return part
}

/** The same fault for as long as something is missing, in whatever words: it began with the first of them. */
export function faultAfter(
  before: Fault | undefined,
  missing: string | undefined,
  nowMs: number,
): Fault | undefined {
  return missing === undefined ? undefined : { missing, sinceMs: before?.sinceMs ?? nowMs }
}
