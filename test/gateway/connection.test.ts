import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { connection } from '../../actors/io/connection.js'
import type { Socket } from '../../src/doors/websocket/transport/transport.js'
import { CloseCode } from '../../src/openim/close-codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { SetAppBackgroundStatusReq, SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type * as FanOut from '../../src/protocol/fan-out.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as TokenSync from '../../src/protocol/token-sync.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { handshakeQuery } from '../../src/sdk/openim-handshake.js'
import { connectionArgs } from '../support/connection-args.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { startRedis } from '../support/redis.js'

const READ_TIMEOUT_MS = 1_000

t.test('a connection, by the rules of the wire', async (t) => {
  const node = await TestNode.start(t, {
    OFFLINE_GRACE_MS: '0',
    READ_TIMEOUT_MS: String(READ_TIMEOUT_MS),
  })

  /** A bare socket, logged in; every frame that comes is kept as it comes. */
  async function bareLogin(userId: string, platformId: number, isMsgResp: boolean) {
    const token = await node.token(userId, platformId)
    const query = handshakeQuery({ url: '', token, userId, platformId, isMsgResp })
    const socket = new WebSocket(`${node.wsUrl}/any/path?${query}`)
    const frames: { data: Buffer; isBinary: boolean }[] = []
    socket.on('message', (data, isBinary) => frames.push({ data: data as Buffer, isBinary }))
    await once(socket, 'open')
    t.teardown(() => socket.terminate())
    return { socket, frames }
  }

  await t.test(
    'a client that asked for a verdict gets it as the first frame, in these bytes; others get nothing',
    async (t) => {
      const asked = await bareLogin('asked', Platform.Web, true)
      await eventually(() => asked.frames[0])
      t.same(asked.frames[0]?.data.toString(), '{"errCode":0,"errMsg":"","errDlt":""}')
      t.equal(asked.frames[0]?.isBinary, false)
      const silent = await bareLogin('silent', Platform.Android, false)
      silent.socket.ping('payload')
      const [payload] = (await once(silent.socket, 'pong')) as [Buffer]
      t.equal(payload.toString(), 'payload', 'a ping comes back with its payload')
      t.same(silent.frames, [])
    },
  )

  await t.test('a silent connection is dropped when its time is up; one that pings stays', async (t) => {
    const sinceMs = performance.now()
    const quiet = await bareLogin('quiet', Platform.Android, false)
    const pinging = await node.login('pinging', Platform.Android)
    const pings = setInterval(() => void pinging.ping('x').catch(() => {}), READ_TIMEOUT_MS / 4)
    t.teardown(() => clearInterval(pings))
    const [code] = (await once(quiet.socket, 'close')) as [number]
    t.equal(code, CloseCode.NoCloseFrame, 'without a close frame')
    t.ok(performance.now() - sinceMs >= READ_TIMEOUT_MS - 50, 'not before')
    t.equal(pinging.closeCode, undefined)
    clearInterval(pings)
  })

  await t.test(
    'a browser that only answers pings stays connected, and only browsers are pinged',
    async (t) => {
      const browser = await bareLogin('browser', Platform.Web, false)
      const phone = await bareLogin('phone', Platform.Android, false)
      let phonePings = 0
      phone.socket.on('ping', () => phonePings++)
      const start = performance.now()
      for (let pings = 0; pings < 3; pings++) await once(browser.socket, 'ping')
      t.ok(performance.now() - start > READ_TIMEOUT_MS * 2, 'longer than silence is borne')
      t.equal(browser.socket.readyState, WebSocket.OPEN)
      t.equal(phonePings, 0)
    },
  )

  await t.test('replies: each with its msgIncr, data null or empty as OpenIM has it', async (t) => {
    const client = await node.login('replies', Platform.Android)
    const background = SetAppBackgroundStatusReq.encode({ userID: 'replies', isBackground: true }).finish()
    t.match(await client.request(RequestId.SetBackground, background), { errCode: 0, data: null })
    const nobody = SubUserOnlineStatus.encode({ subscribeUserID: [], unsubscribeUserID: ['x'] }).finish()
    const reply = await client.request(RequestId.SubscribeStatus, nobody)
    t.match(reply, { errCode: 0, errMsg: '' })
    t.equal(reply.data?.length, 0, 'an empty message, not none')
    const logout = await client.request(RequestId.Logout, new Uint8Array())
    t.match(logout, { errCode: 0 })
    t.equal(logout.data?.length, 0)
    t.equal(await eventually(() => client.closeCode), CloseCode.NoCloseFrame, 'and the connection is closed')
  })

  await t.test(
    'subscriptions: order is kept, repeats are answered once, a user in both lists ends subscribed',
    async (t) => {
      const watcher = await node.login('watcher', Platform.Web)
      await node.login('here', Platform.Android)
      const reply = await watcher.subscribe(['b', 'here', 'b', 'a'])
      t.same(
        reply.map(({ userID }) => userID),
        ['b', 'here', 'a'],
      )
      t.same(reply[1]?.onlinePlatformIDs, [Platform.Android])

      const both = SubUserOnlineStatus.encode({ subscribeUserID: ['both'], unsubscribeUserID: ['both', 'a'] })
      await watcher.request(RequestId.SubscribeStatus, both.finish())
      const a = await node.login('a', Platform.Android)
      const inBoth = await node.login('both', Platform.Android)
      await seesOn(watcher, 'both', [Platform.Android])
      t.same(toldOf(watcher, 'a'), [''], 'who was unsubscribed is not told of any more')
      await Promise.all([a.close(), inBoth.close()])
    },
  )

  await t.test('a user who is among those that they watch is told of their own devices', async () => {
    const web = await node.login('self', Platform.Web)
    await web.subscribe(['self'])
    const phone = await node.login('self', Platform.Android)
    await seesOn(web, 'self', [Platform.Android, Platform.Web])
    await phone.close()
    await seesOn(web, 'self', [Platform.Web])
  })

  await t.test('the packed form of the arguments logs in as well', async (t) => {
    const client = await node.login('packed', Platform.Android, { form: 'v' })
    t.equal(await client.ping('hi'), 'hi')
    await client.close()
  })
})

t.test(
  'a kick flags the token, then is the kick frame, a close without a close frame, and a goodbye to the shard',
  async (t) => {
    const world = new World({ seed: 1 })
    const system = world.system(0)
    const shard = spawnProbe<PresenceShard.Command>(system)
    const fanOut = spawnProbe<FanOut.Command>(system)
    const tokenSync = spawnProbe<TokenSync.Command>(system)
    const acts: string[] = []
    const socket = {
      send: (data: Uint8Array) => acts.push(Buffer.from(data).subarray(-8).toString('hex')),
      drop: () => acts.push('drop'),
    } as unknown as Socket
    let isPlaceFree = false
    const ref = system.spawn(
      connection,
      connectionArgs(
        {
          socket,
          shard: shard.ref,
          fanOut: fanOut.ref,
          tokenSync: tokenSync.ref,
          places: {
            remove: () => {
              isPlaceFree = true
            },
          },
        },
        { requestsPerSMax: 1, readTimeoutMs: READ_TIMEOUT_MS },
      ),
    )
    for (let times = 0; times < 2; times++) system.tell(ref, { kind: 'kick', by: 7 })
    world.settle()
    t.match(tokenSync.heard, [{ kind: 'kickTokens', userId: 'ann', tokens: ['T'], by: 7, ttlS: 60 }])
    t.same(
      [tokenSync.heard.length, acts],
      [1, []],
      'the token is flagged once, and before the client hears of it',
    )
    system.answer(tokenSync.lastReplyTo()!, true, null)
    world.settle()
    t.same(acts, ['07ff8201fe0fa400', 'drop'])
    system.tell(ref, { kind: 'closed', code: CloseCode.NoCloseFrame, clean: false })
    world.settle()
    t.match(shard.heard, [{ kind: 'connected' }, { kind: 'disconnected', userId: 'ann', clean: true }])
    t.ok(isPlaceFree)
  },
)

t.test('requests of a connection do not wait for each other, even when the store hangs', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const node = await TestNode.start(t, { REDIS_URL: redis.url })
  const client = await node.login('ann', Platform.Web)
  process.kill(redis.pid, 'SIGSTOP')
  t.teardown(() => process.kill(redis.pid, 'SIGCONT'))
  let isAnswered = false
  const reply = client.subscribe(['bob']).then((statuses) => {
    isAnswered = true
    return statuses
  })
  t.equal(await client.ping('still there'), 'still there')
  t.equal(isAnswered, false, 'the subscription waits for the store')
  process.kill(redis.pid, 'SIGCONT')
  t.same(await reply, [{ userID: 'bob', onlinePlatformIDs: [] }])
})

t.test('a client that is upgraded before the verdict may speak at once, and may leave', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const node = await TestNode.start(t, { REDIS_URL: redis.url, MAX_CONNECTIONS: '1' })
  const [ann, bob] = [await node.token('ann', Platform.Web), await node.token('bob', Platform.Web)]
  const open = async (userId: string, token: string) => {
    const query = handshakeQuery({ url: '', token, userId, platformId: Platform.Web, isMsgResp: true })
    const socket = new WebSocket(`${node.wsUrl}?${query}`)
    await once(socket, 'open')
    return socket
  }
  // The verdict waits for the store.
  process.kill(redis.pid, 'SIGSTOP')
  t.teardown(() => process.kill(redis.pid, 'SIGCONT'))
  const hasty = await open('ann', ann)
  const frames: string[] = []
  hasty.on('message', (data) => frames.push(String(data)))
  hasty.send('{"type":"ping","body":"early"}')
  await new Promise((resolve) => setImmediate(resolve))
  t.same(frames, [])
  process.kill(redis.pid, 'SIGCONT')
  await eventually(() => (frames.length === 2 ? true : undefined))
  t.same(frames, ['{"errCode":0,"errMsg":"","errDlt":""}', '{"type":"pong","body":"early"}'])
  hasty.close()
  await once(hasty, 'close')

  process.kill(redis.pid, 'SIGSTOP')
  const leaver = await eventually(() => open('bob', bob).catch(() => undefined))
  leaver.terminate()
  process.kill(redis.pid, 'SIGCONT')
  const last = await eventually(() => node.login('bob', Platform.Web).catch(() => undefined))
  t.equal(last.closeCode, undefined, 'the only place was given back')
})
