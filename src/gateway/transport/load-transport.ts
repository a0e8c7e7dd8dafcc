/** Chooses the transport that this machine can run. */

import type * as Uws from 'uWebSockets.js'
import { createRequire } from 'node:module'
import { BadSettingError } from '../../errors.js'
import type { CreateTransport } from './transport.js'
import { uwsTransport } from './uws-transport.js'
import { wsTransport } from './ws-transport.js'

export type TransportSetting = 'auto' | 'uws' | 'ws'

export interface LoadedTransport {
  readonly name: 'uws' | 'ws'
  readonly create: CreateTransport
  /** Whether several threads may listen on one port. Where not, there is to be one io thread. */
  readonly sharesPort: boolean
  /** One line for the operator when this is not the fast one that was hoped for; else undefined. */
  readonly warning: string | undefined
}

/** `uws` throws BAD_SETTING when the native library does not load; `auto` falls back to `ws` and says why. */
export function loadTransport(setting: TransportSetting): LoadedTransport {
  if (setting === 'ws') return portable(undefined)
  try {
    // CommonJS on purpose: a failing native module must be an exception here, not a failed import of this file.
    const uws = createRequire(import.meta.url)('uWebSockets.js') as typeof Uws
    return { name: 'uws', create: uwsTransport(uws), sharesPort: true, warning: undefined }
  } catch (error) {
    const why = (error as Error).message
      .split('\n')
      .filter((line) => line !== '')
      .join(' ')
    if (setting === 'uws') throw new BadSettingError(`uWebSockets.js does not load: ${why}`)
    return portable(`uWebSockets.js does not load, using ws with one io thread: ${why}`)
  }
}

function portable(warning: string | undefined): LoadedTransport {
  return { name: 'ws', create: wsTransport, sharesPort: false, warning }
}
