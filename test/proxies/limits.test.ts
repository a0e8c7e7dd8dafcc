/** On a whole node: limits for each address hold for the clients behind a proxy, and not for the proxy. */
import t, { type Test } from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { OpenimClient } from '../../src/sdk/openim-client.js'
import type { ConnectRefusedError } from '../../src/sdk/openim-handshake.js'
import { eventually } from '../support/eventually.js'
import { noNativeTransport, TestNode } from '../support/node.js'
import { documentedConfig, startHaproxy, startNginx } from '../support/proxies.js'
import { handshakeText, rawAnswers } from '../support/raw-http.js'

const CLIENT = '198.51.100.7'
const FORBIDDEN = WireCode.NoPermissionError
/** nginx and the tests themselves. */
const BEHIND_LOOPBACK = { TRUSTED_PROXIES: 'loopback', FORWARDED_HEADER: 'x-forwarded-for' }

let users = 0

/** A login of a new user: its client, or the code of its refusal. */
async function login(
  node: TestNode,
  headers: Record<string, string>,
  url = node.wsUrl,
): Promise<OpenimClient | number> {
  try {
    // Over HTTP the reason comes before the upgrade, as native clients have it.
    return await node.login(`user-${++users}`, Platform.Web, { url, headers, isMsgResp: false })
  } catch (error) {
    return (error as ConnectRefusedError).errCode
  }
}

const from = (address: string) => ({ 'X-Forwarded-For': address })

for (const transport of ['uws', 'ws'] as const) {
  const options = { skip: transport === 'uws' && noNativeTransport }
  const start = (t: Test, env: Record<string, string>) =>
    TestNode.start(t, { TRANSPORT: transport, ...BEHIND_LOOPBACK, ...env })

  t.test(`connections, ${transport}`, options, async (t) => {
    const node = await start(t, { MAX_CONNECTIONS_PER_ADDRESS: '2' })

    await t.test('are counted for each client behind nginx', async (t) => {
      const port = await startNginx(t, (own) => documentedConfig('nginx', own, node.supervisor.wsPort))
      const url = `ws://127.0.0.1:${port}`
      const clients = [await login(node, from(CLIENT), url), await login(node, from(CLIENT), url)]
      t.ok(clients.every((client) => typeof client === 'object'))
      t.equal(await login(node, from(CLIENT), url), WireCode.ConnOverMaxNumLimit)
      t.equal(
        await login(node, from(`203.0.113.9, ${CLIENT}`), url),
        WireCode.ConnOverMaxNumLimit,
        'whatever it says before that',
      )
      t.type(await login(node, from('198.51.100.8'), url), 'object')
      await (clients as OpenimClient[])[0]!.close()
      const again = await eventually(async () => {
        const client = await login(node, from(CLIENT), url)
        return typeof client === 'object' ? client : undefined
      })
      t.ok(again, 'the place of one that has gone is free')
    })

    await t.test('handshakes with an ambiguous origin are refused and counted', async (t) => {
      const answers = await rawAnswers(
        { port: node.supervisor.wsPort },
        handshakeText('/', 'Origin: https://a.example', 'Origin: https://b.example'),
      )
      t.match(answers, /^HTTP\/1\.1 400 /)
      t.equal(await node.metric('porchlight_handshakes_malformed_total', 'head'), 1)
    })

    await t.test('are counted for a network of IPv6 addresses', async (t) => {
      t.type(await login(node, from('2001:db8:0:7::1')), 'object')
      t.type(await login(node, from('[2001:db8:0:7:ffff::2]:4711')), 'object')
      t.equal(await login(node, from('2001:db8:0:7:1:2:3:4')), WireCode.ConnOverMaxNumLimit)
      t.type(await login(node, from('2001:db8:0:8::1')), 'object')
    })
  })

  t.test(`logins, ${transport}`, options, async (t) => {
    const node = await start(t, {
      LOGINS_PER_MIN_PER_ADDRESS: '2',
      ADDRESS_PREFIX_V6: '48',
      ALLOWED_ORIGINS: 'https://*.example.org',
    })

    await t.test('have the rate of each client, or of its network', async (t) => {
      for (const addresses of [
        [CLIENT, CLIENT, CLIENT],
        ['2001:db8:9:1::1', '2001:db8:9:2::1', '2001:db8:9:3::1'],
      ]) {
        const logins = []
        for (const address of addresses) logins.push(await login(node, from(address)))
        t.match(logins, [{}, {}, WireCode.TooManyLogins])
      }
      t.type(await login(node, from('198.51.100.8')), 'object')
    })

    await t.test('of pages pass from the host that a proxy was asked for', async (t) => {
      const haproxy = await startHaproxy(t, (own) =>
        documentedConfig('haproxy', own, node.supervisor.wsPort).replace(
          'option forwardfor',
          [
            'option forwardfor',
            '  http-request set-header X-Forwarded-Host %[req.hdr(host)]',
            '  http-request set-header Host inner',
          ].join('\n'),
        ),
      )
      let pages = 0
      const page = (Origin: string, Host: string) =>
        login(node, { ...from(`192.0.2.${++pages}`), Origin, Host }, `ws://127.0.0.1:${haproxy}`)
      t.type(await page('https://im.example.com', 'IM.example.com:443'), 'object')
      t.type(await page('https://a.b.example.org', 'im.example.com'), 'object')
      t.equal(await page('https://evil.example', 'im.example.com'), FORBIDDEN)
      t.equal(await page('https://inner.example', 'im.example.com'), FORBIDDEN)
    })
  })
}

t.test('without trusted proxies all clients of a proxy are one address', async (t) => {
  const node = await TestNode.start(t, { MAX_CONNECTIONS_PER_ADDRESS: '1' })
  t.type(await login(node, from(CLIENT)), 'object')
  t.equal(await login(node, from('198.51.100.8')), WireCode.ConnOverMaxNumLimit)
})
