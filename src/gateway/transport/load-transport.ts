/** Chooses the transport that this machine can run. */

import type * as Uws from 'uWebSockets.js'
import { createRequire } from 'node:module'
import { BadSettingError } from '../../errors.js'
import type { CreateTransport } from './transport.js'
import { uwsTransport } from './uws-transport.js'
import { wsTransport } from './ws-transport.js'

/** Two releases, because none serves all: binaries are made per Node line, and the newer ones need glibc 2.38. */
const NATIVE = [
  { name: 'uWebSockets.js', serves: 'Node 18 to 23' },
  { name: 'uWebSockets.js-next', serves: 'Node 22 and later' },
]

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
 * `uws` throws BAD_SETTING when the native library does not load; `auto` falls back to `ws` and says why.
 */
export function loadTransport(setting: TransportSetting): LoadedTransport {
  if (setting === 'ws') return portable(undefined)
  process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= HEAD_BYTES_MAX
  const reasons: string[] = []
  for (const { name, serves } of NATIVE) {
    try {
      // CommonJS on purpose: a failing native module must be an exception here, not a failed import of this file.
      const uws = createRequire(import.meta.url)(name) as typeof Uws
      return { name: 'uws', create: uwsTransport(uws), sharesPort: true, warning: undefined }
    } catch (error) {
      reasons.push(`the one for ${serves}: ${causeOf(error)}`)
    }
  }
  const why = reasons.join('; ')
  if (setting === 'uws') throw new BadSettingError(`uWebSockets.js does not load (${why})`)
  return portable(`uWebSockets.js does not load, using ws with one io thread (${why})`)
}

/** The library's own text lists where it runs, over many lines; the cause is the line that begins with Error. */
function causeOf(error: unknown): string {
  const lines = (error as Error).message.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => line.startsWith('Error: ')) ?? lines[0] ?? 'unknown cause'
}

function portable(warning: string | undefined): LoadedTransport {
  return { name: 'ws', create: wsTransport, sharesPort: false, warning }
}
