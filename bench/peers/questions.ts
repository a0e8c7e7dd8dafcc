/** All that peers are asked, in the order of the tables. */
import type { Benchmark } from '../support/figures.js'
import type { Peer } from './peer.js'
import { changesOf } from './questions/changes.js'
import { fanOutOf } from './questions/fan-out.js'
import { latencyAcrossOf, latencyOf } from './questions/latency.js'
import { loginsOf } from './questions/logins.js'
import { memoryOf } from './questions/memory.js'

/** `peers`: Porchlight, and whoever is put beside it. */
export function questionsOf(peers: readonly Peer[]): Benchmark[] {
  return [loginsOf, changesOf, fanOutOf, latencyOf, latencyAcrossOf, memoryOf].map((of) => of(peers))
}
