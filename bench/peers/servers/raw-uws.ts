import '../../../test/support/entry.js'
import { loadNative } from '../../../src/doors/websocket/transport/load-native.js'
import type { Peer } from '../peer.js'
import { startNodeServer } from './node-server.js'

export const rawUws: Peer = {
  key: 'raw-uws',
  name: 'raw uWebSockets.js',
  dialect: 'raw',
  nodesMax: 1,
  isToBeLed: false,
  missing: () => undefined,
  version: () => loadNative().release ?? 'none',
  async start(scope) {
    const { port, pid } = await startNodeServer(scope, new URL('./raw-uws-server.js', import.meta.url))
    return {
      ports: [port],
      pids: [pid],
      enroll: async (people) => people.map((person) => ({ ...person, secret: '' })),
    }
  },
}
