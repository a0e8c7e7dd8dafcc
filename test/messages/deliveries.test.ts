/** What an io thread does with messages that come in no order. */
import t from 'tap'
import { deliveries } from '../../actors/io/deliveries.js'
import { Hub } from '../../src/doors/websocket/hub.js'
import type * as MessageReader from '../../src/protocol/message-reader.js'
import type { Delivery } from '../../src/rules/messages/types.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'

/** Longer than a missing message is awaited. */
const GAP_MS = 100

function delivery(conversationId: string, seq: number): Delivery {
  return {
    conversationId,
    seq,
    sentMs: seq,
    previousMs: seq - 1,
    body: new Uint8Array(),
    senderId: 'ann',
    userIds: [],
    operationId: '',
  }
}

/** Once the second was never read, and neither was any that came later. */
t.test('a gap that is found while another one is being read is read too', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const reader = spawnProbe<MessageReader.Command>(system)
  const args = { hub: new Hub(), reader: reader.ref, wallMs: () => 0, counts: { pushes: 0 } }
  const to = system.spawn(deliveries, { ...args, gauges: { held: () => 0 } })
  const deliver = (...all: Delivery[]) => system.tell(to, { kind: 'deliver', deliveries: all })
  deliver(delivery('si_ann_bob', 1), delivery('si_ann_cid', 1))
  deliver(delivery('si_ann_bob', 3))
  world.advance(GAP_MS)
  deliver(delivery('si_ann_cid', 3))
  world.advance(GAP_MS)
  const asked = reader.heard.map((question) => question.kind === 'readMissed' && question.conversationId)
  t.same(asked, ['si_ann_bob', 'si_ann_cid'])
})
