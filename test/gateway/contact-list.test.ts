/** A list within WATCHES_PER_CONNECTION_MAX was cut with 1009, again after each reconnect. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { RequestId } from '../../src/openim/requests.js'
import { TestNode } from '../support/node.js'

const PAGE = 500

t.test('with the default settings, a contact list of 10,000 passes in one request', async (t) => {
  const node = await TestNode.start(t)
  const contacts = Array.from({ length: 10_000 }, (_, n) => `contact-${n}`.padEnd(64, '.'))
  await node.login(contacts[7]!, Platform.Android)
  // In pages first: an answer that has to wait for the store has a deadline, which a machine with much else to do may miss.
  const reader = await node.login('reader', Platform.Web)
  for (let from = 0; from < contacts.length; from += PAGE)
    await reader.subscribe(contacts.slice(from, from + PAGE))
  const encodings = [
    { sdkType: 'js' },
    { sdkType: 'js', compression: true },
    { sdkType: 'go' },
    { sdkType: 'go', compression: true },
  ] as const
  for (const options of encodings) {
    await t.test(JSON.stringify(options), async (t) => {
      const client = await node.login(`watcher of ${JSON.stringify(options).length}`, Platform.Web, options)
      for (const time of ['at first', 'and once more']) {
        const statuses = await client.subscribe(contacts)
        t.equal(statuses.length, contacts.length, time)
        t.same(statuses[7], { userID: contacts[7], onlinePlatformIDs: [Platform.Android] })
      }
      t.equal(await client.ping('still here'), 'still here')
      t.equal(
        (await client.request(RequestId.NewestSeq, new Uint8Array())).errCode,
        WireCode.ServerInternalError,
        'other requests are not held up',
      )
      await client.close()
    })
  }
})
