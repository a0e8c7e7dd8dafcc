import { type AddressInfo, createServer } from 'node:net'
import { BadSettingError } from '../../../errors/errors.js'

/**
 * Refuse a port that another program listens on: throws BAD_SETTING. To be asked once, before the first thread
 * listens, because sockets with SO_REUSEPORT share a port with any other program of the same user that has set it
 * too, and would take turns with it in silence. Port 0 is always free.
 */
export async function assertPortFree(host: string, port: number, setting?: string): Promise<void> {
  try {
    await tryListen(host, port)
  } catch (error) {
    if (setting === undefined) throw error
    throw new BadSettingError(`${setting}: ${(error as Error).message}`)
  }
}

/** A port that was free a moment ago. */
export function freePort(host: string): Promise<number> {
  return tryListen(host, 0)
}

/** Why listening failed, for a library that does not tell. */
export async function listenError(host: string, port: number): Promise<BadSettingError> {
  try {
    await tryListen(host, port)
  } catch (error) {
    return error as BadSettingError
  }
  return toListenError(host, port, 'unknown cause')
}

export function toListenError(host: string, port: number, code: string): BadSettingError {
  const why = code === 'EADDRINUSE' ? 'another program listens there (EADDRINUSE)' : code
  return new BadSettingError(`cannot listen on ${host}:${port}: ${why}`)
}

/** Listen without SO_REUSEPORT, and stop at once. Resolves with the port; throws BAD_SETTING when it did not work. */
function tryListen(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(toListenError(host, port, error.code ?? error.message))
    })
    server.listen({ host, port, exclusive: true }, () => {
      const { port: bound } = server.address() as AddressInfo
      server.close(() => resolve(bound))
    })
  })
}
