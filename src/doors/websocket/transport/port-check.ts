import { randomInt } from 'node:crypto'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { BadSettingError } from '../../../errors/errors.js'

/** Where ports are looked for that nobody has asked for by number. Linux gives connections those from 32,768 on. */
const [LOWEST, BELOW] = [10_000, 32_768]
const ATTEMPTS = 20

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
export async function freePort(host: string): Promise<number> {
  return (await freePorts(host, 1))[0]!
}

/** The same of several, all different: one after another they might be the same. */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenSomewhere(host)))
  return Promise.all(servers.map(close))
}

/** Below the ports that the kernel gives to connections: the next connection of any program might take one of those. */
async function listenSomewhere(host: string): Promise<Server> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = await listen(host, randomInt(LOWEST, BELOW)).catch(() => undefined)
    if (server !== undefined) return server
  }
  return listen(host, 0)
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
async function tryListen(host: string, port: number): Promise<number> {
  const server = await listen(host, port)
  return close(server)
}

function listen(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(toListenError(host, port, error.code ?? error.message))
    })
    server.listen({ host, port, exclusive: true }, () => resolve(server))
  })
}

function close(server: Server): Promise<number> {
  const { port } = server.address() as AddressInfo
  return new Promise((resolve) => server.close(() => resolve(port)))
}
