/**
 * A socket that is gone ends its connection, whatever it had written before.
 *
 * The bug: 1,024 frames and a close in one write filled the mailbox of the connection, so that it never heard of its
 * end. Its user stayed online for ever, and its place and its seat were never free again.
 */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { eventually } from '../support/eventually.js'
import { noNativeTransport, seesOn, TestNode } from '../support/node.js'
import { closeFrame, frame, Opcode, rawLogin } from '../support/raw-socket.js'

const CONNECTIONS_PER_USER = 2
/** More than the mailbox of a connection holds. */
const FRAMES = 1_100

const text = Buffer.from('{"type":"ping","body":"x"}')
const last = {
  'a close frame': closeFrame(1000),
  'a protocol error': frame(3),
  'the end of TCP': Buffer.alloc(0),
}
const before = {
  pings: frame(Opcode.ping),
  pongs: frame(Opcode.pong),
  'text frames': frame(Opcode.text, text),
  'binary frames': frame(Opcode.binary, Buffer.from([1])),
  fragments: Buffer.concat([frame(Opcode.text, text, false), frame(Opcode.continuation)]),
}

for (const transport of ['uws', 'ws'] as const) {
  const skip = transport === 'uws' ? noNativeTransport : false
  t.test(`${transport}: many frames and an end in one write leave nothing behind`, { skip }, async (t) => {
    const node = await TestNode.start(t, {
      TRANSPORT: transport,
      OFFLINE_GRACE_MS: '100',
      MAX_CONNECTIONS_PER_USER: String(CONNECTIONS_PER_USER),
    })
    const watcher = await node.login('watcher', Platform.Web)
    await watcher.subscribe(['ghost'])
    for (const [what, one] of Object.entries(before)) {
      for (const [end, bytes] of Object.entries(last)) {
        await t.test(`${what}, then ${end}`, async () => {
          const socket = await rawLogin(node, 'ghost', Platform.Android)
          await seesOn(watcher, 'ghost', [Platform.Android])
          socket.end(Buffer.concat([...Array(FRAMES).fill(one), bytes]))
          await seesOn(watcher, 'ghost', [])
          socket.destroy()
        })
      }
    }
    await eventually(async () => ((await node.metric('porchlight_connections')) === 1 ? true : undefined))
    t.equal(await node.metric('porchlight_connections'), 1, 'the watcher alone')
    for (let n = 0; n < CONNECTIONS_PER_USER; n++) await node.login('ghost', Platform.Android)
    t.pass('every seat is free again')
  })
}
