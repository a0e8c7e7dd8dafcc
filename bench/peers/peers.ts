/** Who takes part, in the order of the tables. */
import type { Peer } from './peer.js'
import { ejabberd } from './servers/ejabberd.js'
import { mosquitto } from './servers/mosquitto.js'
import { porchlight } from './servers/porchlight.js'
import { rawUws } from './servers/raw-uws.js'
import { socketIo } from './servers/socket-io.js'
import { socketCluster } from './servers/socketcluster.js'

export const peers: readonly Peer[] = [porchlight, rawUws, socketIo, socketCluster, mosquitto, ejabberd]

/** Those that can run here, and what the others lack. Porchlight is always there: the others are beside it. */
export function presentPeers(
  keys: readonly string[],
  all: readonly Peer[] = peers,
): { present: Peer[]; absent: { peer: Peer; missing: string }[] } {
  const unknown = keys.filter((key) => !all.some((peer) => peer.key === key))
  if (unknown.length > 0) throw new Error(`no peer ${unknown.join(', ')}; --help lists them`)
  const chosen = all.filter((peer) => keys.length === 0 || keys.includes(peer.key) || peer === porchlight)
  const found = chosen.map((peer) => ({ peer, missing: peer.missing() }))
  return {
    present: found.filter(({ missing }) => missing === undefined).map(({ peer }) => peer),
    absent: found.flatMap(({ peer, missing }) => (missing === undefined ? [] : [{ peer, missing }])),
  }
}
