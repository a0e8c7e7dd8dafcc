/** Every attacker of the hostile load. */
import { frameAttacks } from './attacks-frames.js'
import { handshakeAttacks } from './attacks-handshakes.js'
import { requestAttacks } from './attacks-requests.js'
import { restAttacks } from './attacks-rest.js'
import type { Raider } from './raider.js'

export interface Attack {
  /** Also the attacker's user. */
  name: string
  /** How long it is at it at a time; by default seconds. */
  turnS?: number
  /** Resolves when the raid is over. */
  run(raider: Raider): Promise<void>
}

export const ATTACKS: readonly Attack[] = [
  ...frameAttacks,
  ...requestAttacks,
  ...handshakeAttacks,
  ...restAttacks,
]
