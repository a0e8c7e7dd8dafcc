/** Listening on a TCP port, for the servers that Node has. */
import type { Server } from 'node:net'

/** Rejects with the system's error (such as EADDRINUSE) when it cannot listen. */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
