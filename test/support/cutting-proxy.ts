/** A way to a server on the loopback address that a test watches and cuts. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Teardown } from './node.js'

export interface CuttingProxy {
  port: number
  /** What clients have sent, packet by packet as far as they wait for answers. */
  sent: Buffer[]
  /** Once a client sends this, it hears no more: what it sent arrives, and then both ways are cut. */
  cutAfter: string | undefined
}

export async function startCuttingProxy(test: Teardown, port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        server.destroy()
      })
    }
    let isDeaf = false
    client.on('data', (bytes) => {
      proxy.sent.push(bytes)
      isDeaf ||= proxy.cutAfter !== undefined && bytes.includes(proxy.cutAfter)
      server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (isDeaf) client.destroy()
      else client.write(bytes)
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const proxy: CuttingProxy = {
    port: (listener.address() as AddressInfo).port,
    sent: [],
    cutAfter: undefined,
  }
  test.teardown(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return proxy
}
