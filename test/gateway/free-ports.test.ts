import t from 'tap'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'

t.test('ports that are asked for together are different, and free', async (t) => {
  const ports = await freePorts('127.0.0.1', 50)
  t.equal(new Set(ports).size, 50)
  t.ok(ports.every((port) => port > 0 && port < 65_536))
})
