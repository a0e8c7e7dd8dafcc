/**
 * Which TCP connections of one transport may stay before they have said anything.
 *
 * One that is too many is closed as it is accepted, which costs nobody a descriptor. What has not made a request yet is
 * bounded for each address: silent connections are cheap to make, and must not keep others out.
 */
import { hashOf } from '../../../rules/placement.js'
import type { ThreadSockets } from '../socket-budget.js'

const BUCKETS = 4_096
/** So much of what the node may hold may be silent connections of one address, on one thread. */
const SILENT_SHARE = 0.25
const SILENT_MIN = 16

export class AcceptBudget {
  readonly #sockets: ThreadSockets
  /** Connections without a request, by hash of their address. */
  readonly #silent = new Int32Array(BUCKETS)
  /** Closed as they were accepted. */
  turnedAway = 0

  constructor(sockets: ThreadSockets) {
    this.#sockets = sockets
  }

  /** A connection was accepted. False = close it now. `left` follows in any case, when it is closed. */
  enter(address: string): boolean {
    this.#sockets.add()
    const { max, open } = this.#sockets
    const at = bucketOf(address)
    if (open > max || this.#silent[at]! >= Math.max(SILENT_MIN, max * SILENT_SHARE)) {
      this.turnedAway++
      return false
    }
    this.#silent[at]!++
    return true
  }

  /** One that was let in has made its request, or has gone without. Once for each. */
  heard(address: string): void {
    const at = bucketOf(address)
    // Requests that follow the first in one packet are not counted again.
    if (this.#silent[at]! > 0) this.#silent[at]!--
  }

  left(): void {
    this.#sockets.remove()
  }
}

function bucketOf(address: string): number {
  return hashOf(address) % BUCKETS
}
