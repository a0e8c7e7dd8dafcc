/** Chooses the transport that this machine can run. */
import { BadSettingError } from '../../../errors/errors.js'
import { loadNative } from './load-native.js'
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

/** What uWebSockets.js takes of a request's head, bytes. Its own 4,096 would refuse a long token in a query. */
const HEAD_BYTES_MAX = '16384'

/**
 * To be called on the main thread first: the native library reads its one environment variable there only.
 * `uws` throws BAD_SETTING when the native library does not load; `auto` falls back to `ws` and says why. Both throw
 * BINARY_MISMATCH when its file is not the one that was checked in.
 */
export function loadTransport(setting: TransportSetting): LoadedTransport {
  if (setting === 'ws') return portable(undefined)
  process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= HEAD_BYTES_MAX
  const native = loadNative()
  if (native.uws !== undefined) {
    return { name: 'uws', create: uwsTransport(native.uws), sharesPort: true, warning: undefined }
  }
  if (setting === 'uws') throw new BadSettingError(`uWebSockets.js does not load (${native.why})`)
  return portable(`uWebSockets.js does not load, using ws with one io thread (${native.why})`)
}

function portable(warning: string | undefined): LoadedTransport {
  return { name: 'ws', create: wsTransport, sharesPort: false, warning }
}
