/** Clients that flood are limited, each connection and each user by itself, and nobody else is touched. */
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { SetAppBackgroundStatusReq, SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type { OpenimClient } from '../../src/sdk/openim-client.js'
import { seesOn, TestNode } from '../support/node.js'

const POLICY_VIOLATION = CloseCode.PolicyViolation
const PER_CONNECTION = 40
const PER_USER = 60
const FLOOD = PER_CONNECTION * 3

t.test('floods of status, background, pings and unknown requests', async (t) => {
  const node = await TestNode.start(t, {
    REQUESTS_PER_S_MAX: String(PER_CONNECTION),
    REQUESTS_PER_S_PER_USER: String(PER_USER),
  })
  const bystander = await node.login('bystander', Platform.Web)
  await bystander.subscribe(['friend'])

  /** The bystander is served and told of changes, whatever goes on. */
  const othersGoOn = async (t: Test) => {
    t.equal(await bystander.ping('still here'), 'still here')
    const friend = await node.login('friend', Platform.Android)
    await seesOn(bystander, 'friend', [Platform.Android])
    await friend.close()
    await seesOn(bystander, 'friend', [])
  }
  const data = {
    [RequestId.SubscribeStatus]: SubUserOnlineStatus.encode({
      subscribeUserID: ['x'],
      unsubscribeUserID: [],
    }).finish(),
    [RequestId.SetBackground]: SetAppBackgroundStatusReq.encode({ userID: 'f', isBackground: true }).finish(),
  }

  for (const request of [RequestId.SubscribeStatus, RequestId.SetBackground] as const) {
    await t.test(`${request}: served, then told to slow down, then closed`, async (t) => {
      const client = await node.login(`flooder-${request}`, Platform.Android)
      const served = await sendMany(client, PER_CONNECTION / 2, request, data[request])
      t.same([...new Set(served)], [0])
      const closed = once(client, 'close')
      const codes = await sendMany(client, FLOOD, request, data[request])
      t.same((await closed)[0], POLICY_VIOLATION)
      t.ok(codes.includes(WireCode.TooManyRequests))
      await othersGoOn(t)
    })
  }

  await t.test('pings: closed as a flood', async (t) => {
    const client = await node.login('pinger', Platform.Android)
    const closed = once(client, 'close')
    for (let n = 0; n < FLOOD; n++) client.sendRaw('{"type":"ping","body":"x"}')
    t.same((await closed)[0], POLICY_VIOLATION)
    await othersGoOn(t)
  })

  await t.test('unknown requests: closed at the first, counted under one label', async (t) => {
    for (let n = 0; n < 20; n++) {
      const client = await node.login(`stranger-${n}`, Platform.Android)
      const closed = once(client, 'close')
      client.request(7_000 + n, new Uint8Array()).catch(() => {})
      await closed
    }
    const metrics = await (await fetch(`${node.healthUrl}/metrics`)).text()
    t.match(metrics, /porchlight_requests_total\{req="unknown"\} 20/)
    t.notMatch(metrics, /req="70\d\d"/)
    await othersGoOn(t)
  })

  await t.test('a user with several connections has one limit for all of them', async (t) => {
    const clients = await Promise.all([1, 2, 3].map(() => node.login('many', Platform.Android)))
    const each = PER_CONNECTION - 5
    const codes = await Promise.all(
      clients.map((client) =>
        sendMany(client, each, RequestId.SubscribeStatus, data[RequestId.SubscribeStatus]),
      ),
    )
    const all = codes.flat()
    t.equal(all.length, 3 * each, 'each request has an answer')
    t.ok(all.includes(WireCode.TooManyRequests), 'though no connection asked for more than it may')
    t.ok(all.filter((code) => code === 0).length >= PER_USER / 2)
    for (const client of clients) t.equal(client.closeCode, undefined, 'and none is closed')
    await othersGoOn(t)
  })
})

/** Send as many at once; the codes of the answers that came. */
async function sendMany(
  client: OpenimClient,
  count: number,
  request: number,
  data: Uint8Array,
): Promise<number[]> {
  const answers = Array.from({ length: count }, () =>
    client.request(request, data).then(
      ({ errCode }) => errCode,
      () => undefined,
    ),
  )
  return (await Promise.all(answers)).filter((code) => code !== undefined)
}
