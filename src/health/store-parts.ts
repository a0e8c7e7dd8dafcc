/** The parts of readiness that the sync thread knows of: the store, the way back from it, and the node's name. */

import { partOf, type ReadyPart } from './readiness.js'
import { inWords } from './reasons.js'

/** A fault that a thread knows of, and since when by its own clock (ms). */
export interface Amiss {
  reason: string
  sinceMs: number
}

export interface StoreFacts {
  /** It is out of reach, or takes no writes. */
  store: Amiss | undefined
  /** Messages of other nodes are not received. */
  channel: Amiss | undefined
  /** Another process has the name of this node. */
  nodeId: Amiss | undefined
}

export interface Now {
  /** By the thread's clock. */
  ms: number
  /** Unix ms. */
  wallMs: number
}

/** `isStoreOptional`: logins are let in without it (AUTH_WHEN_STORE_DOWN=allow), so that its absence only warns. */
export function storeParts(facts: StoreFacts, now: Now, isStoreOptional: boolean): ReadyPart[] {
  const part = (
    name: string,
    amiss: Amiss | undefined,
    words: (reason: string) => string,
    isWarning = false,
  ) =>
    partOf(
      name,
      amiss && { missing: words(amiss.reason), sinceMs: now.wallMs - (now.ms - amiss.sinceMs) },
      isWarning,
    )
  return [
    part(
      'store',
      facts.store,
      (reason) => `${inWords(reason)}; the state of other nodes is as of then`,
      isStoreOptional,
    ),
    part(
      'channel',
      facts.channel,
      (reason) => `messages of other nodes are not received: ${inWords(reason)}`,
    ),
    part('node-id', facts.nodeId, (reason) => reason),
  ]
}
