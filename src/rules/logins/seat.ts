/** Names of seats: `platformID/device.id`. Connections of one token belong to one device. */

import type { PlatformId, Seat } from '../types.js'
import type { TokenDigest } from './token-digest.js'

/** Enough to tell one user's devices apart. */
const DEVICE_CHARACTERS = 8

/** `id` is unique on the node. */
export function seatOf(platformId: PlatformId, token: TokenDigest, id: number): Seat {
  return `${platformId}/${token.slice(0, DEVICE_CHARACTERS)}.${id.toString(36)}`
}

export function platformOfSeat(seat: Seat): PlatformId {
  return Number(seat.slice(0, seat.indexOf('/')))
}

/** The same for all seats of one device, and for no others of its user. */
export function deviceOfSeat(seat: Seat): string {
  return seat.split('.', 1)[0]!
}
