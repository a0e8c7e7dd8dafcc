/** Who keeps a place on the REST port when there are no more. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ConnectionPlaces, type Place } from '../../src/doors/rest/connection-places.js'
import { type HttpServerOptions, serveHttp } from '../../src/doors/rest/http-server.js'
import { gate } from '../support/gate.js'

class FakePlace implements Place {
  isGone = false
  constructor(
    readonly key: string | undefined,
    public isBusy = false,
  ) {}
  mayYield(): boolean {
    return !this.isBusy
  }
  yield(): void {
    this.isGone = true
  }
}

function placesOf(max: number, perKeyMax: number) {
  const told: string[] = []
  return { told, places: new ConnectionPlaces({ max, perKeyMax, report: (reason) => told.push(reason) }) }
}

t.test('the longest-waiting connection of the address that has the most yields', async (t) => {
  const { places, told } = placesOf(5, 4)
  const crowd = ['a', 'a', 'a', 'b', 'b'].map((key) => new FakePlace(key))
  for (const place of crowd) t.ok(places.take(place))
  places.waitsAnew(crowd[0]!)
  t.ok(places.take(new FakePlace('c')))
  t.same(
    crowd.map(({ isGone }) => isGone),
    [false, true, false, false, false],
  )
  t.equal(places.count, 5)
  t.same(told, ['yielded'])
})

t.test('an address at its limit takes nothing from others', async (t) => {
  const { places } = placesOf(100, 2)
  const other = new FakePlace('b')
  const own = [new FakePlace('a'), new FakePlace('a')]
  for (const place of [other, ...own]) places.take(place)
  for (let n = 0; n < 10; n++) t.ok(places.take(new FakePlace('a')))
  t.equal(places.count, 3)
  t.ok(own.every(({ isGone }) => isGone))
  t.notOk(other.isGone)
})

t.test('connections of a proxy stand for many, and only share the places of all', async (t) => {
  const { places } = placesOf(6, 2)
  for (let n = 0; n < 6; n++) t.ok(places.take(new FakePlace(undefined)))
  t.same(places.counts, { yielded: 0, refused: 0 })
  t.ok(places.take(new FakePlace('a')))
  t.same(places.counts, { yielded: 1, refused: 0 })
})

t.test('a connection that is being answered does not yield, and the newcomer is refused', async (t) => {
  const { places, told } = placesOf(2, 2)
  const busy = ['a', 'b'].map((key) => new FakePlace(key, true))
  for (const place of busy) places.take(place)
  t.notOk(places.take(new FakePlace('c')))
  t.same([places.count, told], [2, ['refused']])
  places.release(busy[0]!)
  places.release(busy[0]!)
  t.ok(places.take(new FakePlace('c')))
  t.equal(places.count, 2)
})

// Over sockets

async function serve(
  t: Test,
  options: Partial<HttpServerOptions>,
  fetch?: (r: Request) => Promise<Response>,
) {
  const server = await serveHttp(fetch ?? (async () => new Response('ok')), {
    host: '127.0.0.1',
    port: 0,
    ...options,
  })
  t.teardown(() => server.close(0))
  const open = async (): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  const get = async (socket: Socket): Promise<string> => {
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    const [data] = (await once(socket, 'data')) as [Buffer]
    return data.toString()
  }
  return { server, open, get }
}

t.test('a port full of connections that only wait serves new ones', async (t) => {
  for (const kind of ['silent', 'idle after a call', 'with half a head', 'with half a body'] as const) {
    const limits = { connectionsMax: 20, connectionsPerAddressMax: 20 }
    const { server, open, get } = await serve(t, limits, async (request) => {
      if (request.method === 'POST') await request.text()
      return new Response('ok')
    })
    const crowd: Socket[] = []
    for (let n = 0; n < 20; n++) {
      const socket = await open()
      crowd.push(socket)
      if (kind === 'idle after a call') await get(socket)
      if (kind === 'with half a head') socket.write('POST /auth/parse_token HTTP/1.1\r\nHost: x\r\nX: ')
      if (kind === 'with half a body')
        socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{')
    }
    for (let n = 0; n < 30; n++) {
      const response = await fetch(`http://127.0.0.1:${server.port}/healthz`, {
        headers: { connection: 'close' },
      })
      t.equal(await response.text(), 'ok', kind)
    }
    // On a crowded port connections end with their calls: there is nobody left who has to yield.
    if (kind !== 'idle after a call') t.ok(server.places.counts.yielded > 0, kind)
    t.equal(server.places.counts.refused, 0, kind)
    for (const socket of crowd) socket.destroy()
  }
})

t.test(
  'a call that is being answered is not cut for others, which are told that there is no place',
  async (t) => {
    const finish = gate()
    const allAsked = gate()
    let asked = 0
    const { open, get, server } = await serve(
      t,
      { connectionsMax: 16, connectionsPerAddressMax: 4 },
      async () => {
        if (++asked === 4) allAsked.open()
        await finish.promise
        return new Response('done')
      },
    )
    const answers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const socket = await open()
        return { answer: get(socket) }
      }),
    )
    await allAsked.promise
    const newcomer = await open()
    const [refusal] = (await once(newcomer, 'data')) as [Buffer]
    t.match(refusal.toString(), /^HTTP\/1\.1 503 /)
    finish.open()
    for (const { answer } of answers) t.match(await answer, /done/)
    t.equal(server.places.counts.refused, 1)
  },
)

t.test('a crowded port keeps no connection longer than its call', async (t) => {
  const { open, get } = await serve(t, { connectionsMax: 20, connectionsPerAddressMax: 20 })
  const first = await open()
  t.match(await get(first), /Connection: keep-alive/i)
  const sockets = await Promise.all(Array.from({ length: 17 }, open))
  t.match(await get(sockets[16]!), /Connection: close/i)
})
