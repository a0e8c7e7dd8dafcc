import { productPackage } from '../installed.js'
import type { Peer } from '../peer.js'
import { startNodeServer } from './node-server.js'

export const rawUws: Peer = {
  key: 'raw-uws',
  name: 'raw uWebSockets.js',
  dialect: 'raw',
  nodesMax: 1,
  isToBeLed: false,
  missing: () => undefined,
  // The entry names a package and a version of it.
  version: () => productPackage().dependencies['uWebSockets.js']!.split('@').at(-1)!,
  async start(scope) {
    const { port, pid } = await startNodeServer(scope, new URL('./raw-uws-server.js', import.meta.url))
    return {
      ports: [port],
      pids: [pid],
      enroll: async (people) => people.map((person) => ({ ...person, secret: '' })),
    }
  },
}
