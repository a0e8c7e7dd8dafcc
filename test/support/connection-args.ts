/** What a connection actor is started with by a test that is about the actor alone. */

import type { connection } from '../../actors/io/connection.js'
import { newConnectionCounts } from '../../actors/io/connection.js'
import { Hub } from '../../src/doors/websocket/hub.js'
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { Platform } from '../../src/openim/platforms.js'

type Args = Parameters<typeof connection.start>[1]

/** Ann on Android, with limits that no test meets; a test says what it is about. */
export function connectionArgs(
  given: Pick<Args, 'socket' | 'shard' | 'fanOut' | 'tokenSync'> & Partial<Omit<Args, 'settings'>>,
  settings: Partial<Args['settings']> = {},
): Args {
  return {
    heard: { heardMs: 0 },
    userId: 'ann',
    platformId: Platform.Android,
    background: false,
    token: 'T',
    tokenEndsMs: 60_000,
    digest: 'D',
    seat: undefined,
    encoding: frameEncoding('go', false),
    hub: new Hub(),
    rates: { requestOfUser: () => 0, chargeUser: () => {}, watchesOfUser: () => 0, sendOfUser: () => 0 },
    counts: newConnectionCounts(),
    places: { remove: () => {} },
    storage: undefined,
    isAdmin: false,
    wallMs: () => 0,
    ...given,
    settings: {
      inflatedBytesMax: 10_000,
      requestsPerSMax: 1_000,
      watchesPerConnectionMax: 1_000,
      newWatchesPerMin: 1_000,
      readTimeoutMs: 3_600_000,
      mayWatch: () => true,
      checks: [],
      ...settings,
    },
  }
}
