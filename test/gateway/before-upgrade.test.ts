/** The WebSocket port before there is a WebSocket: health checks, ambiguous requests (A15), and the client's address. */
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { TransportOptions } from '../../src/doors/websocket/transport/transport.js'
import { noNativeTransport } from '../support/node.js'
import { v1Header, v2Header } from '../support/proxy-headers.js'
import { handshakeText, rawAnswers, rawSocket, statusesOf } from '../support/raw-http.js'
import { behind, TransportBench } from '../support/transport-bench.js'

const CLIENT = '198.51.100.7'
const VICTIM = '203.0.113.9'
/** Any address of the loopback network may be a client's own. */
const STRANGER = '127.0.0.77'
const THROUGH_PROXIES = { proxies: behind(['127.0.0.1/32', '10.0.0.0/8']) }

for (const name of ['uws', 'ws'] as const) {
  t.test(`before the upgrade, ${name}`, { skip: name === 'uws' && noNativeTransport }, async (t) => {
    const setup = async (t: Test, options: Partial<TransportOptions> = {}): Promise<TransportBench> => {
      const bench = new TransportBench(name, options)
      bench.port = await bench.transport.listen('127.0.0.1', 0)
      t.teardown(() => bench.transport.close())
      return bench
    }
    /** What a handshake with these bytes shows of its sender; it is refused then. */
    const addressOf = async (
      bench: TransportBench,
      bytes: string | Buffer,
      localAddress?: string,
    ): Promise<string> => {
      const answers = rawAnswers(
        { port: bench.port, ...(localAddress !== undefined && { localAddress }) },
        bytes,
      )
      const { request } = await bench.next('upgrade')
      request.refuse(403, 'text/plain', 'no')
      await answers
      return request.address
    }

    t.test('GET /healthz is answered 200, GET / says what this is, all else 426', async (t) => {
      const bench = await setup(t)
      const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${bench.port}${path}`, { method })
      for (const path of ['/healthz', '/healthz?probe=1']) {
        const healthy = await ask(path)
        t.equal(healthy.status, 200)
        t.equal(await healthy.text(), 'ok\n')
      }
      const head = await ask('/healthz', 'HEAD')
      t.equal(head.status, 200)
      t.equal(head.headers.get('content-length'), '3')
      const root = await ask('/')
      t.equal(root.status, 200)
      t.match(await root.text(), /^Porchlight: .*WebSocket.*\n$/)
      for (const [path, method] of [
        ['/x', 'GET'],
        ['/healthz/x', 'GET'],
        ['/healthz', 'POST'],
        ['/', 'DELETE'],
      ] as const) {
        const other = await ask(path, method)
        t.equal(other.status, 426, `${method} ${path}`)
        t.equal(other.headers.get('upgrade'), 'websocket')
      }
      t.equal(bench.count('upgrade'), 0)
    })

    t.test('a handshake on the path of the health check is a handshake', async (t) => {
      const bench = await setup(t)
      const client = bench.client('/healthz')
      const opened = once(client, 'open')
      t.ok((await bench.next('upgrade')).request.accept({ id: 1 }))
      await opened
    })

    t.test(
      'a request whose length can be read in two ways is refused and its connection closed',
      async (t) => {
        const bench = await setup(t)
        const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
        const lengths = (...lines: string[]) => ['Host: x', ...lines].join('\r\n')
        const heads = [
          lengths('Content-Length: 0', `Content-Length: ${smuggled.length}`),
          lengths(`Content-Length: ${smuggled.length}`, 'Content-Length: 0'),
          lengths('Content-Length: 0', 'Content-Length: 0'),
          lengths('Content-Length:', `Content-Length: ${smuggled.length}`),
          lengths(`Content-Length: 0, ${smuggled.length}`),
          lengths('Content-Length: +0'),
          lengths('Content-Length: -1'),
          lengths('Content-Length: 0x0'),
          lengths('Transfer-Encoding: xchunked'),
          lengths('Transfer-Encoding: identity'),
          lengths('Transfer-Encoding: chunked, identity'),
          lengths('Transfer-Encoding : chunked'),
          lengths('Transfer-Encoding: chunked', 'Transfer-Encoding: xchunked'),
          lengths('Transfer-Encoding: chunked', 'Content-Length: 5'),
          lengths('Content-Length: 5', 'Transfer-Encoding: chunked'),
          lengths('Host: y'),
        ]
        for (const head of heads) {
          for (const method of ['GET', 'POST']) {
            const answers = statusesOf(await rawAnswers(bench, `${method} /x HTTP/1.1\r\n${head}\r\n\r\n`))
            t.ok(
              answers.length <= 1 && answers.every((status) => status === 400),
              `${method} ${head}: ${answers}`,
            )
            const both = statusesOf(
              await rawAnswers(bench, `${method} /x HTTP/1.1\r\n${head}\r\n\r\n${smuggled}`),
            )
            t.ok(both.length <= 1 && both.every((status) => status === 400), `with more: ${both}`)
          }
        }
        t.equal(bench.count('upgrade'), 0)
      },
    )

    t.test('so is a handshake with a body, or with a header that stands once twice', async (t) => {
      const bench = await setup(t)
      const flaws = [
        ['Content-Length: 5'],
        ['Content-Length: 0', 'Content-Length: 5'],
        ['Transfer-Encoding: chunked'],
      ]
      flaws.push(['Transfer-Encoding: xchunked'], ['Content-Length: 5', 'Transfer-Encoding: chunked'])
      flaws.push(['Host: other.example'], ['Origin: https://a.example', 'Origin: https://b.example'])
      flaws.push(['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='])
      for (const lines of flaws) {
        const answers = statusesOf(await rawAnswers(bench, handshakeText('/', ...lines)))
        t.ok(answers.length <= 1 && answers.every((status) => status === 400), `${lines}: ${answers}`)
        const both = await rawAnswers(bench, handshakeText('/', ...lines) + handshakeText('/second'))
        t.ok(statusesOf(both).length <= 1, `with another: ${statusesOf(both)}`)
      }
      t.equal(bench.count('upgrade'), 0)
      bench.onUpgrade = (request) => request.refuse(403, 'text/plain', '')
      const fine = await rawAnswers(bench, handshakeText('/', 'Content-Length: 0'))
      t.same(statusesOf(fine), [403], 'no body is no flaw')
    })

    t.test('after a refusal nothing else is served on the connection', async (t) => {
      const bench = await setup(t)
      bench.onUpgrade = (request) => request.refuse(200, 'application/json', '{}')
      for (const first of [
        handshakeText(),
        'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
        'GET /x HTTP/1.1\r\nHost: x\r\n\r\n',
      ]) {
        const before = bench.count('upgrade')
        const inOne = await rawAnswers(bench, first + handshakeText('/pipelined').repeat(60))
        t.ok(statusesOf(inOne).length <= 1, `in one packet: ${statusesOf(inOne)}`)
        const inTwo = await rawAnswers(bench, first, handshakeText('/pipelined').repeat(60))
        t.ok(statusesOf(inTwo).length <= 1, `in two: ${statusesOf(inTwo)}`)
        t.ok(bench.count('upgrade') - before <= 2)
      }
      t.equal(statusesOf(await rawAnswers(bench, handshakeText())).length, 1)
    })

    t.test('a verdict that comes later ends the connection in the same way', async (t) => {
      const bench = await setup(t)
      const answers = rawAnswers(bench, handshakeText())
      const { request } = await bench.next('upgrade')
      await new Promise((resolve) => setTimeout(resolve, 20))
      request.refuse(403, 'text/plain', 'no')
      t.match(await answers, /^HTTP\/1\.1 403 Forbidden\r\n.*Connection: close.*no$/is)
    })

    t.test('forwarding headers of a stranger are not read', async (t) => {
      for (const options of [{}, { proxies: behind(['10.0.0.0/8']) }]) {
        const bench = await setup(t, options)
        const lies = [`X-Forwarded-For: ${VICTIM}`, `Forwarded: for=${VICTIM}`, `X-Real-IP: ${VICTIM}`]
        t.equal(await addressOf(bench, handshakeText('/', ...lies), STRANGER), STRANGER)
      }
    })

    t.test('a trusted proxy names the client, in as many lines as it likes', async (t) => {
      const bench = await setup(t, THROUGH_PROXIES)
      const cases: [lines: string[], address: string][] = [
        [[`X-Forwarded-For: ${CLIENT}`], CLIENT],
        [[`X-Forwarded-For: ${VICTIM}, ${CLIENT}, 10.0.0.9`], CLIENT],
        [[`X-Forwarded-For: ${VICTIM}`, `X-Forwarded-For: ${CLIENT}`], CLIENT],
        [
          [
            `X-Forwarded-For: ${VICTIM}`,
            'X-Other: x',
            `x-forwarded-for: ${CLIENT}`,
            'X-FORWARDED-FOR: 10.1.1.1',
          ],
          CLIENT,
        ],
        [[`Forwarded: for=${VICTIM}`, 'Forwarded: for="[2001:db8::1]:4711";proto=https'], '2001:db8::1'],
        [[`Forwarded: for=${VICTIM}`, `X-Forwarded-For: ${CLIENT}`], '127.0.0.1'],
        [['X-Forwarded-For: unknown'], '127.0.0.1'],
        [[], '127.0.0.1'],
      ]
      for (const [lines, address] of cases) {
        t.equal(await addressOf(bench, handshakeText('/', ...lines)), address, lines.join())
      }
      t.equal(await addressOf(bench, handshakeText('/', `X-Forwarded-For: ${VICTIM}`), STRANGER), STRANGER)
    })

    t.test('the socket of an accepted handshake has the address of the client', async (t) => {
      const bench = await setup(t, THROUGH_PROXIES)
      const client = new WebSocket(`ws://127.0.0.1:${bench.port}`, { headers: { 'X-Forwarded-For': CLIENT } })
      client.on('error', () => {})
      const { request } = await bench.next('upgrade')
      t.equal(request.accept({ id: 1 })?.address, CLIENT)
      await once(client, 'open')
    })

    t.test('hosts are what the client asked for, by a trusted proxy or itself', async (t) => {
      const bench = await setup(t, THROUGH_PROXIES)
      const lines = ['X-Forwarded-Host: chat.example.com', 'Forwarded: for=_c;host="im2.example.com:8443"']
      const hostsOf = async (localAddress: string, ...more: string[]) => {
        const answers = rawAnswers({ port: bench.port, localAddress }, handshakeText('/', ...lines, ...more))
        const { request } = await bench.next('upgrade')
        request.refuse(403, 'text/plain', '')
        await answers
        return request.hosts()
      }
      t.same(await hostsOf(STRANGER), ['im.example.com'])
      t.same(await hostsOf('127.0.0.1'), ['im.example.com', 'chat.example.com', 'im2.example.com:8443'])
      t.same(await hostsOf('127.0.0.1', 'X-Forwarded-Port: 9443'), [
        ...['im.example.com', 'chat.example.com', 'im2.example.com:8443'],
        ...['im.example.com:9443', 'chat.example.com:9443'],
      ])
    })

    for (const protocol of name === 'uws' ? (['v2'] as const) : (['v1', 'v2'] as const)) {
      const headerFor = protocol === 'v1' ? v1Header : v2Header
      t.test(`PROXY protocol ${protocol}`, async (t) => {
        const bench = await setup(t, { proxies: behind(['127.0.0.1/32'], { protocol }) })
        const local = protocol === 'v1' ? Buffer.from('PROXY UNKNOWN\r\n') : localHeader()
        const proxied = (address: string, text: string) =>
          Buffer.concat([headerFor(address), Buffer.from(text)])

        await t.test('the header of a trusted proxy names the client', async (t) => {
          t.equal(await addressOf(bench, proxied(CLIENT, handshakeText())), CLIENT)
          t.equal(await addressOf(bench, proxied('2001:db8::1', handshakeText())), '2001:db8::1')
          t.equal(await addressOf(bench, proxied('::ffff:198.51.100.7', handshakeText())), CLIENT)
          const lie = handshakeText('/', `X-Forwarded-For: ${VICTIM}`, `Forwarded: for=${VICTIM}`)
          t.equal(await addressOf(bench, proxied(CLIENT, lie)), CLIENT, 'what it adds itself is not read')
        })

        await t.test('the header may come in pieces', async (t) => {
          const bytes = proxied(CLIENT, handshakeText())
          const answers = rawAnswers(
            bench,
            ...[3, 9, 14, 25, 40].map((at, n, ends) => bytes.subarray(ends[n - 1] ?? 0, at)),
            bytes.subarray(40),
          )
          const { request } = await bench.next('upgrade')
          t.equal(request.address, CLIENT)
          request.refuse(403, 'text/plain', '')
          t.same(statusesOf(await answers), [403])
        })

        await t.test('the connection works on as any other', async (t) => {
          const client = new WebSocket(`ws://127.0.0.1:${bench.port}`, {
            createConnection: () => {
              const tcp = rawSocket(bench)
              tcp.write(headerFor(CLIENT))
              return tcp
            },
          })
          const opened = once(client, 'open')
          const { request } = await bench.next('upgrade')
          const socket = request.accept({ id: 9 })!
          t.equal(socket.address, CLIENT)
          await opened
          client.send('hello')
          t.equal(Buffer.from((await bench.next('message')).data).toString(), 'hello')
          const heard = once(client, 'message')
          socket.send('you', false)
          t.equal(String((await heard)[0]), 'you')
          client.terminate()
          await bench.next('closed')
        })

        await t.test('a handshake of a trusted proxy without it is refused', async (t) => {
          const before = bench.count('malformed')
          for (const bytes of [handshakeText(), Buffer.concat([local, Buffer.from(handshakeText())])]) {
            t.same(statusesOf(await rawAnswers(bench, bytes)), [400])
          }
          t.equal(bench.count('malformed'), before + 2)
        })

        await t.test('so is one of a stranger with it', async (t) => {
          const before = bench.count('upgrade')
          const answers = await rawAnswers(
            { port: bench.port, localAddress: STRANGER },
            proxied(VICTIM, handshakeText()),
          )
          t.ok(
            statusesOf(answers).every((status) => status >= 400),
            answers,
          )
          t.equal(bench.count('upgrade'), before)
          t.equal(await addressOf(bench, handshakeText(), STRANGER), STRANGER, 'and served without')
        })

        await t.test('a second header changes nothing', async (t) => {
          const before = bench.count('upgrade')
          const twice = Buffer.concat([headerFor(CLIENT), headerFor(VICTIM), Buffer.from(handshakeText())])
          const silent = rawSocket(bench)
          silent.write(twice)
          t.equal(
            await addressOf(bench, proxied('192.0.2.5', handshakeText())),
            '192.0.2.5',
            'right behind the first',
          )
          silent.destroy()
          const plain = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
          const first = proxied(CLIENT, plain)
          const second = proxied(VICTIM, handshakeText())
          await rawAnswers(bench, Buffer.concat([first, second]))
          await rawAnswers(bench, first, second)
          t.equal(bench.count('upgrade'), before + 1, 'behind a request')
        })

        await t.test('health checks need none', async (t) => {
          const plain = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
          t.same(statusesOf(await rawAnswers(bench, plain)), [200])
          t.same(statusesOf(await rawAnswers(bench, Buffer.concat([local, Buffer.from(plain)]))), [200])
          t.same(statusesOf(await rawAnswers(bench, proxied(CLIENT, plain))), [200])
        })
      })
    }

    t.test('a PROXY header where none was agreed is not believed', async (t) => {
      const bench = await setup(t, THROUGH_PROXIES)
      bench.onUpgrade = (request) => request.refuse(403, 'text/plain', '')
      for (const header of [v1Header(VICTIM), v2Header(VICTIM)]) {
        await rawAnswers(bench, Buffer.concat([header, Buffer.from(handshakeText())]))
      }
      t.ok(bench.events.every((event) => event.kind !== 'upgrade' || event.request.address === '127.0.0.1'))
    })
  })
}

/** A proxy's own health check. */
function localHeader(): Buffer {
  const header = v2Header('1.2.3.4').subarray(0, 16)
  header[12] = 0x20
  header[13] = 0
  header.writeUInt16BE(0, 14)
  return header
}
