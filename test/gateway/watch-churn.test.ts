/** Two clients that watched and unwatched, within every limit, ended the process. Counts here, not the clock. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type { OpenimClient } from '../../src/sdk/openim-client.js'
import { seesOn, TestNode } from '../support/node.js'

async function codeOf(
  client: OpenimClient,
  lists: { watch?: string[]; unwatch?: string[] },
): Promise<number> {
  const { watch = [], unwatch = [] } = lists
  const data = SubUserOnlineStatus.encode({ subscribeUserID: watch, unsubscribeUserID: unwatch }).finish()
  return (await client.request(RequestId.SubscribeStatus, data)).errCode
}

function names(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`)
}

t.test('the number of watched users is bounded, however clients change their watches', async (t) => {
  const max = 400
  const node = await TestNode.start(t, {
    WATCHES_PER_CONNECTION_MAX: '50',
    NEW_WATCHES_PER_MIN: '100000',
    NEW_WATCHES_PER_MIN_PER_USER: '100000',
    WATCHED_USERS_MAX: String(max),
    SHARD_THREADS: '0',
  })
  const honest = await node.login('honest', Platform.Web)
  await honest.subscribe(['friend'])
  const churners = await Promise.all(names(4, 'churner').map((name) => node.login(name, Platform.Android)))
  let [accepted, peak] = [0, 0]
  for (let turn = 0; turn < 15; turn++) {
    for (const [n, client] of churners.entries()) {
      await codeOf(client, { unwatch: names(50, `${n}-${turn - 1}`) })
      const code = await codeOf(client, { watch: names(50, `${n}-${turn}`) })
      t.ok([0, WireCode.TooManyWatches].includes(code), `${code}`)
      if (code === 0) accepted += 50
    }
    peak = Math.max(peak, await node.metric('porchlight_watched_users'))
  }
  t.ok(accepted > max, `${accepted} were watched for a while: those that lingered made room`)
  t.ok(peak <= max, `at most ${peak} at once`)
  const friend = await node.login('friend', Platform.Android)
  await seesOn(honest, 'friend', [Platform.Android])
  await friend.close()
})
