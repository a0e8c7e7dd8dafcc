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
  /** How much later than that it arrives; infinite = never. */
  arrivesAfterMs: number
}

export async function startCuttingProxy(test: Teardown, port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    let isOnItsWay = false
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        if (!isOnItsWay) server.destroy()
      })
    }
    let isDeaf = false
    const deliverLate = (bytes: Buffer) => {
      isOnItsWay = true
      client.destroy()
      setTimeout(() => server.end(bytes), proxy.arrivesAfterMs)
    }
    client.on('data', (bytes) => {
      proxy.sent.push(bytes)
      isDeaf ||= proxy.cutAfter !== undefined && bytes.includes(proxy.cutAfter)
      if (!isDeaf || proxy.arrivesAfterMs === 0) server.write(bytes)
      else if (Number.isFinite(proxy.arrivesAfterMs)) deliverLate(bytes)
      else client.destroy()
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
    arrivesAfterMs: 0,
  }
  test.teardown(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return proxy
}
