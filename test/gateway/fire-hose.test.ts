/**
 * A client that sends without end takes no more than its turn, on a whole node with the default transport. Here nothing
 * is measured: while the hose is open, a neighbour's requests are answered, or they never are and the test runs out of
 * time.
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { handshakeQuery } from '../../src/sdk/openim-handshake.js'
import { eventually } from '../support/eventually.js'
import { noNativeTransport, TestNode } from '../support/node.js'
import { handshakeText, rawSocket } from '../support/raw-http.js'

const ROUNDS = 30

/** A bare socket, logged in or about to be. */
async function bare(node: TestNode, userId: string, isPatient: boolean): Promise<Socket> {
  const token = await node.token(userId, Platform.Android)
  const query = handshakeQuery({ url: '', token, userId, platformId: Platform.Android, isMsgResp: true })
  const tcp = rawSocket({ port: node.supervisor.wsPort })
  tcp.write(handshakeText(`/?${query}`))
  if (isPatient) await once(tcp, 'data')
  tcp.resume()
  return tcp
}

/** Write the frame as fast as the socket takes it, until it is closed or the returned function is called. */
function openHose(tcp: Socket, frame: Buffer): () => void {
  const burst = Buffer.concat(Array<Buffer>(20_000).fill(frame))
  let isOpen = true
  const write = () => {
    if (isOpen && !tcp.destroyed) tcp.write(burst, () => setImmediate(write))
  }
  write()
  return () => {
    isOpen = false
    tcp.destroy()
  }
}

/** Requests, changes and logins of others. */
async function othersGoOn(t: Test, node: TestNode, name: string): Promise<void> {
  const client = await node.login(`neighbour-${name}`, Platform.Web)
  for (let round = 0; round < ROUNDS; round++) await client.ping('x')
  t.equal((await client.subscribe([`friend-${name}`])).length, 1)
  const friend = await node.login(`friend-${name}`, Platform.Android)
  await client.waitForStatus(`friend-${name}`, (now) => now.length > 0, 30_000)
  await Promise.all([friend.close(), client.close()])
}

const cutForFrames = (node: TestNode) => node.metric('porchlight_over_share_total', 'reason="frames"')

t.test('fire hoses of one client', async (t) => {
  const node = await TestNode.start(t)
  const frames = {
    pings: [0x89, 0x80, 0, 0, 0, 0],
    pongs: [0x8a, 0x80, 0, 0, 0, 0],
    'text frames': [0x81, 0x80, 0, 0, 0, 0],
    'fragments of a byte': [0x00, 0x81, 0, 0, 0, 0, 1],
  }
  for (const [name, frame] of Object.entries(frames)) {
    for (const isPatient of [true, false]) {
      await t.test(`${name}, ${isPatient ? 'logged in' : 'before the verdict'}: cut`, async (t) => {
        const cutBefore = await cutForFrames(node)
        const tcp = await bare(node, 'hose', isPatient)
        const closed = new Promise((resolve) => tcp.once('close', resolve))
        if (name.startsWith('fragments')) tcp.write(Buffer.from([0x02, 0x80, 0, 0, 0, 0]))
        const end = openHose(tcp, Buffer.from(frame))
        await othersGoOn(t, node, name)
        await closed
        end()
        // The library hides fragments, and may end what comes before the upgrade itself: those are only cut.
        if (isPatient && !name.startsWith('fragments')) t.equal((await cutForFrames(node)) - cutBefore, 1)
      })
    }
  }

  // The library has no callback for these: they are bounded by the receive buffer, which is set where /proc is.
  const skip = noNativeTransport || (existsSync('/proc/self/fd') ? false : 'no /proc here')
  await t.test(
    'empty fragments of a message that never ends take turns with the others',
    { skip },
    async (t) => {
      const tcp = await bare(node, 'hose', true)
      tcp.write(Buffer.from([0x02, 0x80, 0, 0, 0, 0]))
      const end = openHose(tcp, Buffer.from([0x00, 0x80, 0, 0, 0, 0]))
      await othersGoOn(t, node, 'fragments')
      end()
      const left = await eventually(async () => {
        const connections = await node.metric('porchlight_connections')
        return connections === 0 ? connections : undefined
      })
      t.equal(left, 0)
    },
  )
})
