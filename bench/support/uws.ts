/** uWebSockets.js itself, for servers that stand beside the gateway. */
import '../../test/support/entry.js'
import { loadNative } from '../../src/doors/websocket/transport/load-native.js'

const native = loadNative()
if (native.uws === undefined) throw new Error(`uWebSockets.js does not load (${native.why})`)

export const { uws } = native

/** Nothing is compressed, pinged or ended by itself. */
export const asTheGateway = {
  compression: uws.DISABLED,
  idleTimeout: 0,
  maxLifetime: 0,
  sendPingsAutomatically: false,
}
