/**
 * What two people do in their chat, each with an unmodified `@openim/wasm-client-sdk` in a page of headless Chromium, and
 * what both have to see of it, whatever the server is made of.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import { eventually } from '../support/eventually.js'
import { JsUser } from './js-user.js'
import { type SdkUser, textOf } from './sdk-user.js'
import type { SdkServer } from './server.js'
import { type Pages, WasmUser } from './wasm-user.js'

const REVOKED = 2101
/** The status of a message. */
const SENT = 2
/** How the SDK refuses after waiting in vain. */
const TIMED_OUT = /10001/
/** What the browser writes to the console of a page that cannot connect. */
export const UNCONNECTED = /^WebSocket connection to .* failed/

/** Logs somebody in: the same name is the same user all through a scenario. */
interface Login {
  /** On a page without data, as on a device that is new. */
  (name: string): Promise<WasmUser>
  /** With the other SDK, which needs no page: for those who only send. */
  withoutPage(name: string): Promise<JsUser>
}

type Walk = (t: Test, login: Login) => Promise<void>

const scenarios: { title: string; walk: Walk }[] = []

const scenario = (title: string, walk: Walk) => void scenarios.push({ title, walk })

/**
 * Every scenario is a subtest with users of its own, in whose pages no exception and no failed request but a connection may
 * be left. Of several servers, each login takes the next.
 */
export function chatWithWasm(t: Test, servers: readonly SdkServer[], pages: Pages): void {
  for (const [index, { title, walk }] of scenarios.entries()) {
    t.test(title, async (t) => {
      let logins = 0
      const idOf = (name: string) => `${name}-wasm-${index}`
      const next = () => servers[logins++ % servers.length]!
      const users: WasmUser[] = []
      const login = async (name: string) => {
        const user = await WasmUser.login(t, { ...pages, server: next() }, idOf(name))
        users.push(user)
        return user
      }
      const withoutPage = (name: string) => JsUser.login(t, next(), idOf(name))
      await walk(t, Object.assign(login, { withoutPage }))
      for (const { userId, faults } of users) {
        const rest = faults.filter((fault) => !UNCONNECTED.test(fault))
        t.same(rest, [], `nothing else failed in the page of ${userId}`)
      }
    })
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `text ${i + 1}`)

scenario('a login ends in OnSyncServerFinish', async (t, login) => {
  const ann = await login('ann')
  const names = ann.events.map(({ event }) => `${event}`).filter((name) => name !== 'OnSyncServerProgress')
  t.same(names, ['OnConnecting', 'OnConnectSuccess', 'OnSyncServerStart', 'OnSyncServerFinish'])
  t.same(await ann.conversations(), [])
  t.equal(await ann.unreadCount(), 0)
  t.equal((await ann.call('getSelfUserInfo')).userID, ann.userId)
})

scenario('texts reach the other one exactly once and in order, in both directions', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  const fromAnn = numbered(20).map((text) => `ann: ${text}`)
  const fromBob = numbered(20).map((text) => `bob: ${text}`)
  await Promise.all([ann.sendTexts(fromAnn, bob), bob.sendTexts(fromBob, ann)])
  await Promise.all([ann.receives(fromBob.at(-1)!), bob.receives(fromAnn.at(-1)!)])
  t.same(bob.received.map(textOf), fromAnn)
  t.same(ann.received.map(textOf), fromBob)
  const { sendID, recvID, sessionType } = bob.received[0]!
  t.match({ sendID, recvID, sessionType }, { sendID: ann.userId, recvID: bob.userId, sessionType: 1 })
  // Both have the same 40, in the same order.
  const [atAnn, atBob] = [await ann.history(bob), await bob.history(ann)]
  t.equal(atAnn.length, 40)
  t.same(atAnn.map(textOf), atBob.map(textOf))
})

scenario('a message of mine does not appear as an incoming one', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  const mine = numbered(10)
  await ann.sendTexts(mine, bob)
  await bob.receives(mine.at(-1)!)
  // The answer comes to Ann after the copies of her own messages do.
  await bob.sendText('answer', ann)
  await ann.receives('answer')
  t.same(ann.received.map(textOf), ['answer'])
  t.equal(await ann.unreadCount(), 1)
})

scenario('who was away finds the unread count, the list and the history at login', async (t, login) => {
  const ann = await login.withoutPage('ann')
  const earlier = await login('bob')
  await ann.sendText('before', earlier)
  await earlier.receives('before')
  await earlier.markRead(ann)
  await earlier.logout()
  await earlier.close()
  await ann.sendTexts(['one', 'two', 'three'], earlier)
  const bob = await login('bob')
  t.equal(await bob.unreadCount(), 3)
  t.equal((await bob.conversations()).length, 1)
  const conversation = await bob.conversation(ann)
  t.match(conversation, { unreadCount: 3, userID: ann.userId, conversationType: 1 })
  t.equal(textOf(JSON.parse(conversation!.latestMsg)), 'three')
  t.same((await bob.history(ann)).map(textOf), ['before', 'one', 'two', 'three'])
  t.same(bob.received, [], 'none of them is an event')
  await ann.sendText('four', bob)
  await bob.receives('four')
  t.equal(await bob.unreadCount(), 4)
})

scenario('a history of 300 messages comes in pages without a gap', async (t, login) => {
  const [ann, earlier] = await Promise.all([login.withoutPage('ann'), login.withoutPage('bob')])
  const texts = numbered(300)
  await ann.sendTexts(texts, earlier)
  await earlier.close()
  const bob = await login('bob')
  t.equal(await bob.unreadCount(), 300)
  const pages = await bob.historyPages(ann, 40)
  t.same(pages.map((page) => page.length).reverse(), [40, 40, 40, 40, 40, 40, 40, 20])
  t.same(pages.flat().map(textOf), texts)
  t.same(
    pages.flat().map(({ seq }) => seq),
    texts.map((_, i) => i + 1),
  )
  t.same((await bob.history(ann)).map(textOf), texts, 'also when it is read again')
})

scenario('read receipts are seen by the sender', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  const sent = [await ann.sendText('one', bob), await ann.sendText('two', bob)]
  await bob.receives('two')
  t.equal(await bob.unreadCount(), 2)
  await bob.markRead(ann)
  const receipt = await ann.until('receipt', () => ann.receipts[0])
  t.equal(receipt.userID, bob.userId)
  t.same([...receipt.msgIDList].sort(), sent.map(({ clientMsgID }) => clientMsgID).sort())
  t.same(
    (await ann.history(bob)).map(({ isRead }) => isRead),
    [true, true],
  )
  t.equal(await bob.unreadCount(), 0)
  t.same(bob.receipts, [], 'the reader is told of no receipt')
  await bob.close()
  t.equal(await (await login('bob')).unreadCount(), 0, 'also after a login on a new device')
})

scenario('a revoked message is gone on both sides', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await ann.sendText('kept', bob)
  const wrong = await ann.sendText('wrong', bob)
  await bob.receives('wrong')
  await ann.revoke(wrong, bob)
  for (const user of [ann, bob]) {
    const { clientMsgID, revokerID } = await user.until('revocation', () => user.revocations[0])
    t.same({ clientMsgID, revokerID }, { clientMsgID: wrong.clientMsgID, revokerID: ann.userId })
  }
  const showsRevocation = async (user: WasmUser, peer: WasmUser) => {
    const history = await user.history(peer)
    t.same(history.map(textOf), ['kept', undefined])
    t.match(history[1], { clientMsgID: wrong.clientMsgID, contentType: REVOKED }, user.userId)
  }
  await showsRevocation(ann, bob)
  await showsRevocation(bob, ann)
  t.equal(bob.revocations.length, 1, 'once')
  // The revoker's own SDK makes an event of the answer, and one more of the notice.
  const revoked = new Set(ann.revocations.map(({ clientMsgID }) => clientMsgID))
  t.same([...revoked], [wrong.clientMsgID])

  await bob.close()
  const bobAgain = await login('bob')
  await showsRevocation(bobAgain, ann)
  const all = JSON.stringify([await bobAgain.history(ann), await bobAgain.conversations()])
  t.notMatch(all, /"wrong/, 'the text itself is nowhere on a new device')
})

scenario('a message deleted for oneself stays with the other one', async (t, login) => {
  const [ann, bob] = await Promise.all([login.withoutPage('ann'), login('bob')])
  const all = ['one', 'two', 'three', 'four', 'five']
  await ann.sendTexts(all, bob)
  await bob.receives('five')
  await bob.deleteMessage(await bob.receives('two'), ann)
  t.same((await bob.history(ann)).map(textOf), ['one', 'three', 'four', 'five'])
  await bob.deleteMessage(await bob.receives('five'), ann)
  t.same((await bob.history(ann)).map(textOf), ['one', 'three', 'four'], 'the newest as well')
  await bob.close()
  const pages = await (await login('bob')).historyPages(ann, 2)
  t.same(pages.flat().map(textOf), ['one', 'three', 'four'], 'also on a new device')
  t.same((await (await login('ann')).history(bob)).map(textOf), all)
})

scenario('typing is seen by the other one and leaves no message', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await ann.sendText('hello', bob)
  await bob.receives('hello')
  const typing = () => bob.dataOf('OnConversationUserInputStatusChanged')
  await ann.typing(bob, true)
  const conversationID = bob.conversationWith(ann)
  t.same(await bob.until('typing', () => typing()[0]), {
    conversationID,
    userID: ann.userId,
    platformIDs: [ann.platformId],
  })
  await ann.typing(bob, false)
  t.match(await bob.until('end of typing', () => typing()[1]), { conversationID, userID: ann.userId })
  await ann.sendText('done', bob)
  await bob.receives('done')
  t.same(bob.received.map(textOf), ['hello', 'done'])
  t.same((await bob.history(ann)).map(textOf), ['hello', 'done'])
  t.same(ann.dataOf('OnConversationUserInputStatusChanged'), [], 'nobody is told of their own typing')
})

scenario('conversations are listed latest first', async (t, login) => {
  const [ann, bob, cleo] = await Promise.all([
    login('ann'),
    login.withoutPage('bob'),
    login.withoutPage('cleo'),
  ])
  // The SDK updates its list a little after it has sent a message, or has told of one.
  const lists = (user: WasmUser, peers: SdkUser[]) =>
    eventually(async () => {
      const names = (await user.conversations()).map(({ userID }) => userID)
      return isDeepStrictEqual(
        names,
        peers.map(({ userId }) => userId),
      )
        ? true
        : undefined
    })
  await ann.sendText('to bob', bob)
  await ann.sendText('to cleo', cleo)
  t.ok(await lists(ann, [cleo, bob]))
  await bob.sendText('to ann', ann)
  t.ok(await lists(ann, [bob, cleo]), 'a message brings its conversation up')
  await ann.close()
  t.ok(await lists(await login('ann'), [bob, cleo]), 'also on a new device')
})

scenario('a message whose acknowledgement was lost is sent again and is one message', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await ann.sendText('before', bob)
  const message = await ann.newText('once')
  ann.loseAnswers()
  // After 10 s without an answer the SDK shows the message as failed; only then may it be sent again.
  await t.rejects(ann.send(message, bob), TIMED_OUT)
  await bob.receives('once')
  ann.passAnswers()
  t.match(await ann.send(message, bob), { clientMsgID: message.clientMsgID, status: SENT })
  await ann.sendText('after', bob)
  await bob.receives('after')
  const all = ['before', 'once', 'after']
  t.same(bob.received.map(textOf), all)
  t.same(
    (await bob.history(ann)).map(({ seq }) => seq),
    [1, 2, 3],
    'no seq is used up',
  )
  t.same((await ann.history(bob)).map(textOf), all)
  t.equal(await bob.unreadCount(), 3)
})

scenario('a message whose acknowledgement was lost with the connection is one message', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await ann.sendText('before', bob)
  ann.loseAnswers()
  const sending = ann.sendText('once', bob)
  await bob.receives('once')
  ann.cutSocket()
  // The SDK gives up after 10 s unless its next sync has brought the message before.
  await sending.catch(() => {})
  await ann.sendText('after', bob)
  await bob.receives('after')
  const all = ['before', 'once', 'after']
  t.same(bob.received.map(textOf), all)
  t.same(
    (await bob.history(ann)).map(({ seq }) => seq),
    [1, 2, 3],
    'no seq is used up',
  )
  // Her own messages come back without an event; then none is shown as failed.
  const atAnn = await eventually(async () => {
    const history = await ann.history(bob)
    return history.every(({ status }) => status === SENT) ? history : undefined
  })
  t.same(atAnn.map(textOf), all)
})

scenario('a socket cut during 200 messages loses, doubles and moves none', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  const texts = numbered(200)
  const beforeItIsBack = ann.sendTexts(texts.slice(0, 120), bob)
  await bob.receives(texts[59]!)
  const since = bob.events.length
  bob.goOffline()
  await beforeItIsBack
  bob.comeBack()
  await ann.sendTexts(texts.slice(120), bob)
  await bob.synced(since)
  await ann.sendText('after', bob)
  await bob.receives('after')
  t.same((await bob.history(ann)).map(textOf), [...texts, 'after'])
  // Of what it missed the SDK makes few events, but of each message at most one.
  const events = bob.received.map(({ seq }) => seq)
  t.same(
    events,
    [...new Set(events)].sort((a, b) => a - b),
    'events are in order and single',
  )
  t.ok(events.length >= 61, `${events.length} events`)
  t.equal(await bob.unreadCount(), 201)
})

scenario('a page that is loaded anew goes on with what it kept', async (t, login) => {
  const [ann, bob] = await Promise.all([login.withoutPage('ann'), login('bob')])
  await ann.sendTexts(['one', 'two'], bob)
  await bob.receives('two')
  await bob.markRead(ann)
  bob.goOffline()
  await ann.sendTexts(['three', 'four'], bob)
  await bob.load()
  bob.comeBack()
  await bob.login()
  t.equal(await bob.unreadCount(), 2)
  // The SDK makes an event of the newest one that it missed, but of none where its database is empty.
  await bob.receives('four')
  t.same((await bob.history(ann)).map(textOf), ['one', 'two', 'three', 'four'])
  await ann.sendText('five', bob)
  await bob.receives('five')
  t.same(bob.received.map(textOf), ['one', 'two', 'four', 'five'])
  t.equal(await bob.unreadCount(), 3)
  t.equal((await bob.conversations()).length, 1)
})
