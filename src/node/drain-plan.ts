/** How a stopping node divides its time: first its clients are sent away, then their grace is waited for, then it ends. */
import type { Config } from '../config/config.js'

export interface DrainPlan {
  /** How long clients may be sent away, at DRAIN_RATE; the rest is cut. */
  ioMs: number
  /** How long shards may take to see graces end and the store told. */
  shardMs: number
  /** How long all threads together may take to end, one role after the other. */
  endMs: number
  /**
   * Users are shown through the grace, for they may be coming back on another node. Not where nobody is left to show
   * them, and not where there is no time for it.
   */
  keepsGrace: boolean
}

const FLUSH_MAX_MS = 3_000
const END_PART = 0.2

export function drainPlan(config: Config): DrainPlan {
  const { shutdownTimeoutMs, offlineGraceMs, usesRedis } = config
  const endMs = shutdownTimeoutMs * END_PART
  const flushMs = Math.min(FLUSH_MAX_MS, shutdownTimeoutMs * END_PART)
  const keepsGrace = usesRedis && offlineGraceMs <= (shutdownTimeoutMs - endMs - flushMs) / 2
  const shardMs = flushMs + (keepsGrace ? offlineGraceMs : 0)
  return { ioMs: shutdownTimeoutMs - endMs - shardMs, shardMs, endMs, keepsGrace }
}
