/** Out of file descriptors a gateway spun in accept, was dead on every port, and said nothing. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Descriptors, type Sources, sharesOf, socketsThatFit } from '../../src/health/descriptors.js'
import { ChildNode } from '../support/child-node.js'
import { noNativeTransport } from '../support/node.js'
import { until } from '../support/redis.js'
import { lacks, partOf, readyz } from './room.js'

t.test('what is left of the limit when everybody else has a share is for sockets', (t) => {
  for (const limit of [64, 200, 1_024, 20_000, 1_048_576]) {
    const { health, api, spare } = sharesOf(limit)
    const others = 60
    const sockets = socketsThatFit(limit, others)
    t.ok(sockets >= 1)
    if (limit >= 200) t.ok(sockets + others + health + api + spare <= limit, `${limit}: ${sockets}`)
  }
  t.equal(sharesOf(1_048_576).api, 1_024, 'more is of no use')
  t.end()
})

function start(
  t: Test,
  { limit, open, maxConnections = 500 }: { limit: number; open: number; maxConnections?: number },
) {
  const now = { limit, open, ms: 1_000 }
  const sockets = { max: 0, open: 0 }
  const sources: Sources = { limit: () => now.limit, open: () => now.open + sockets.open }
  const descriptors = new Descriptors({ sockets, maxConnections, threads: 0, sources, nowMs: () => now.ms })
  t.teardown(() => descriptors.stop())
  return { now, sockets, descriptors }
}

t.test('enough is no news; too few for MAX_CONNECTIONS is a warning with its cure', (t) => {
  const { now, sockets, descriptors } = start(t, { limit: 1_024, open: 40 })
  t.same(descriptors.part(), { name: 'descriptors', ready: true })
  now.limit = 200
  descriptors.look()
  t.match(descriptors.part(), {
    ready: false,
    warning: true,
    missing: /^at most \d+ connections are taken, and not MAX_CONNECTIONS \(500\).*may open 200 files; raise/,
    since: '1970-01-01T00:00:01.000Z',
  })
  t.ok(sockets.max < 120, 'the io threads hear of a limit that was lowered')
  now.open += 50
  const before = sockets.max
  descriptors.look()
  t.equal(sockets.max, before - 50, 'and of what others have taken')
  t.end()
})

t.test('none left is not ready, until there is some room again', (t) => {
  const { sockets, descriptors } = start(t, { limit: 200, open: 40 })
  sockets.open = sockets.max
  descriptors.look()
  t.match(descriptors.part(), {
    ready: false,
    missing: /no file descriptors are left for more than these \d+/,
  })
  t.equal(descriptors.part().warning, undefined)
  sockets.open = Math.floor(sockets.max * 0.92)
  descriptors.look()
  t.notOk(descriptors.part().warning, 'not in and out with every client')
  sockets.open = Math.floor(sockets.max / 2)
  descriptors.look()
  t.ok(descriptors.part().warning)
  t.end()
})

t.test('where nobody says what the limit is, MAX_CONNECTIONS alone counts', (t) => {
  const { descriptors } = start(t, { limit: Number.POSITIVE_INFINITY, open: 40, maxConnections: 100_000 })
  t.ok(descriptors.part().ready)
  t.end()
})

const LIMIT = 260
const AGAIN_MS = 1_000

for (const transport of ['uws', 'ws'] as const) {
  const skip = transport === 'uws' && noNativeTransport
  t.test(
    `${transport}: more connections than descriptors: probes, REST and logins go on`,
    { skip },
    async (t) => {
      const node = await ChildNode.start(
        t,
        { TRANSPORT: transport, LOGIN_POLICY: '0' },
        { descriptorsMax: LIMIT },
      )
      t.match(await partOf(node, 'descriptors'), {
        ready: false,
        warning: true,
        missing: /may open 260 files/,
      })
      t.equal(await node.metric('porchlight_descriptors_max'), LIMIT)
      const crowd = new Set<Socket>()
      let isOver = false
      const goAway = () => {
        isOver = true
        for (const socket of crowd) socket.destroy()
      }
      t.teardown(goAway)
      // From many addresses, for one address alone may not hold so many silent ones. They come again: on a machine that
      // is busy the first are cut for their silence before the last are there.
      const join = (n: number): Socket => {
        const localAddress = `127.0.1.${1 + (n % 100)}`
        const socket = connect({ port: node.wsPort, host: '127.0.0.1', localAddress }).on('error', () => {})
        crowd.add(socket)
        socket.once('close', () => {
          crowd.delete(socket)
          if (!isOver) setTimeout(() => isOver || join(n), AGAIN_MS)
        })
        return socket
      }
      for (let n = 0; n < 500; n++) {
        const socket = join(n)
        if (n % 50 === 0) await once(socket, 'connect')
      }
      await until(
        'some were turned away',
        async () => (await node.metric('porchlight_connections_turned_away_total')) > 100,
      )
      t.ok((await node.metric('porchlight_descriptors_open')) < LIMIT)
      t.equal((await lacks(node, 'descriptors', /no file descriptors are left/)).status, 503)
      for (let n = 0; n < 5; n++) {
        t.equal((await fetch(`${node.healthUrl}/healthz`)).status, 200)
        t.equal((await fetch(`${node.apiUrl}/healthz`)).status, 200)
      }
      goAway()
      await until('there is room again', async () => (await readyz(node)).ready)
      t.match(await partOf(node, 'descriptors'), { warning: true })
    },
  )

  t.test(`${transport}: 400 silent connections of one address keep no other out`, { skip }, async (t) => {
    const node = await ChildNode.start(
      t,
      { TRANSPORT: transport, LOGIN_POLICY: '0' },
      { descriptorsMax: LIMIT },
    )
    const crowd = Array.from({ length: 400 }, () => connect(node.wsPort, '127.0.0.1').on('error', () => {}))
    t.teardown(() => {
      for (const socket of crowd) socket.destroy()
    })
    await until(
      'most were turned away',
      async () => (await node.metric('porchlight_connections_turned_away_total')) > 300,
    )
    const other = connect({ port: node.wsPort, host: '127.0.0.1', localAddress: '127.0.0.2' }).on(
      'error',
      () => {},
    )
    other.write('GET /any HTTP/1.1\r\nHost: x\r\n\r\n')
    const [answer] = (await once(other.setEncoding('utf8'), 'data')) as [string]
    t.match(answer, /^HTTP\/1\.1 426/)
    t.ok((await readyz(node)).ready)
  })
}
