import t from 'tap'
import { ChannelProbe } from '../../src/store/redis/channel-probe.js'

function start(deadlineMs = 20) {
  const published: Buffer[] = []
  const deaf: string[] = []
  const way = { fault: undefined as string | undefined, refusal: undefined as Error | undefined }
  const probe = new ChannelProbe({
    publish: async (payload) => {
      if (way.refusal !== undefined) throw way.refusal
      published.push(payload)
    },
    fault: () => way.fault,
    onDeaf: (reason) => deaf.push(reason),
    deadlineMs,
  })
  return { probe, published, deaf, way }
}

t.test('a probe that is heard is good, even if others hear it too', async (t) => {
  const { probe, published, deaf } = start(10_000)
  const other = start()
  const running = probe.run()
  t.ok(other.probe.hears(published[0]!), 'another process of that name takes it for no message')
  t.ok(probe.hears(published[0]!))
  await running
  t.same(deaf, [])
})

t.test('a message of a node is no probe', (t) => {
  const { probe } = start()
  for (const message of [Buffer.from([0x93]), Buffer.from([0x84]), Buffer.from(''), Buffer.from('p')])
    t.notOk(probe.hears(message))
  t.end()
})

t.test('what is published and not heard asks for another connection', async (t) => {
  const { probe, deaf } = start()
  await t.rejects(probe.run(), { code: 'STORE_UNAVAILABLE', message: /not heard within 20 ms/ })
  t.equal(deaf.length, 1)
})

t.test('while nothing listens, or nothing can be published, that is the reason', async (t) => {
  const { probe, deaf, way } = start(10_000)
  way.fault = 'NOPERM no right to the channel'
  await t.rejects(probe.run(), { code: 'STORE_UNAVAILABLE', message: /NOPERM/ })
  way.fault = undefined
  way.refusal = new Error('READONLY')
  await t.rejects(probe.run(), /READONLY/)
  t.same(deaf, [], 'the connection that listens is not to blame')
})
