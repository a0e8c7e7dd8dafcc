/** uWebSockets.js itself, for servers that stand beside the gateway. */
import type * as Uws from 'uWebSockets.js'
import { createRequire } from 'node:module'

export const uws = createRequire(import.meta.url)('uWebSockets.js') as typeof Uws

/** Nothing is compressed, pinged or ended by itself. */
export const asTheGateway = {
  compression: uws.DISABLED,
  idleTimeout: 0,
  maxLifetime: 0,
  sendPingsAutomatically: false,
}
