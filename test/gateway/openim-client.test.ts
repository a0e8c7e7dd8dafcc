import '../support/entry.js'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { parseHandshake, refusal } from '../../src/doors/websocket/handshake.js'
import { loadTransport } from '../../src/doors/websocket/transport/load-transport.js'
import type { Socket } from '../../src/doors/websocket/transport/transport.js'
import { CloseCode } from '../../src/openim/close-codes.js'
import { type FrameEncoding, frameEncoding } from '../../src/openim/codec/encodings.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { SubUserOnlineStatus, SubUserOnlineStatusTips } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import { parseTextFrame } from '../../src/openim/text-frames.js'
import { encodeVerdict, SUCCESS_TEXT } from '../../src/openim/verdict.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'

interface Owner {
  encoding: FrameEncoding
  socket?: Socket
  closed: Promise<{ code: number; clean: boolean }>
  onClosed(how: { code: number; clean: boolean }): void
}

/** The least gateway: token "good" may enter, everyone watched is on platform 1, and it pushes what it is told. */
async function startGateway(
  t: Test,
): Promise<{ url: string; owners: Owner[]; push: (userId: string, platformIds: number[]) => void }> {
  const owners: Owner[] = []
  const transport = loadTransport('auto').create<Owner>(
    {
      upgrade(request) {
        const handshake = parseHandshake(request.query, request.header('compression'), () => true)
        if (!handshake.ok) {
          const { errCode, errMsg, errDlt } = handshake.error
          return request.refuse(200, 'application/json', encodeVerdict({ errCode, errMsg, errDlt }))
        }
        const { args } = handshake
        const error = args.token === 'good' ? undefined : refusal(args, WireCode.TokenInvalidError, 'bad')
        const verdict = error && encodeVerdict(error)
        if (verdict !== undefined && error?.respond === 'http') {
          return request.refuse(200, 'application/json', verdict)
        }
        let onClosed: Owner['onClosed'] = () => {}
        const closed = new Promise<{ code: number; clean: boolean }>((resolve) => {
          onClosed = resolve
        })
        const owner: Owner = { encoding: frameEncoding(args.sdkType, args.isCompressed), closed, onClosed }
        owner.socket = request.accept(owner)
        owners.push(owner)
        if (args.isMsgResp) owner.socket?.send(verdict ?? SUCCESS_TEXT, false)
        if (verdict !== undefined) owner.socket?.drop()
      },
      message(owner, data, isBinary) {
        if (!isBinary) {
          const frame = parseTextFrame(Buffer.from(data).toString())
          if (frame.kind === 'ping') owner.socket?.send(frame.pong, false)
          return
        }
        const request = owner.encoding.decodeRequest(data, 1e6)
        const { reqIdentifier, msgIncr, operationID } = request
        const reply = { reqIdentifier, msgIncr, operationID, errCode: 0, errMsg: '' }
        if (reqIdentifier === RequestId.SendMessage) return
        if (reqIdentifier !== RequestId.SubscribeStatus) {
          const refused =
            reqIdentifier === RequestId.SetBackground
              ? {}
              : { errCode: WireCode.ServerInternalError, errMsg: 'no' }
          owner.socket?.send(owner.encoding.encodeResponse({ ...reply, ...refused, data: null }), true)
          return
        }
        const { subscribeUserID } = SubUserOnlineStatus.decode(request.data)
        const subscribers = subscribeUserID.map((userID) => ({ userID, onlinePlatformIDs: [1] }))
        const tips = SubUserOnlineStatusTips.encode({ subscribers }).finish()
        owner.socket?.send(owner.encoding.encodeResponse({ ...reply, data: tips }), true)
      },
      heard() {},
      overShare() {},
      drained() {},
      closed: (owner, code, clean) => owner.onClosed({ code, clean }),
      unsubscribed() {},
    },
    {
      messageBytesMax: 51_200,
      backpressureBytesMax: 1e6,
      frameLimits: { framesPerS: 1e6, bytesPerS: 1e9 },
      silenceMsMax: 60_000,
    },
  )
  t.teardown(() => transport.close())
  const port = await transport.listen('127.0.0.1', 0)
  const push = (userID: string, onlinePlatformIDs: number[]): void => {
    const data = SubUserOnlineStatusTips.encode({ subscribers: [{ userID, onlinePlatformIDs }] }).finish()
    const response = {
      reqIdentifier: RequestId.SubscribeStatus,
      msgIncr: '',
      operationID: '',
      errCode: 0,
      errMsg: '',
      data,
    }
    for (const { encoding, socket } of owners) socket?.send(encoding.encodeResponse(response), true)
  }
  return { url: `ws://127.0.0.1:${port}/`, owners, push }
}

const USER = { token: 'good', userId: 'u1', platformId: Platform.Web }

for (const sdkType of ['js', 'go'] as const) {
  for (const compression of [false, true]) {
    for (const form of ['query', 'v'] as const) {
      t.test(`a client with ${sdkType}, compression ${compression}, ${form}`, async (t) => {
        const { url, push } = await startGateway(t)
        const client = await OpenimClient.connect({ url, ...USER, sdkType, compression, form })
        t.same(await client.subscribe(['a', 'b', 'a']), [
          { userID: 'a', onlinePlatformIDs: [1] },
          { userID: 'b', onlinePlatformIDs: [1] },
          { userID: 'a', onlinePlatformIDs: [1] },
        ])
        t.same(await client.waitForStatus('a', (platformIds) => platformIds.length === 1), [1])
        const offline = client.waitForStatus('a', (platformIds) => platformIds.length === 0)
        const event = once(client, 'status')
        push('a', [])
        t.same(await offline, [])
        t.same(await event, ['a', []])
        t.same(client.status('a'), [])
        t.same(
          client.history.map(({ userId, via }) => `${userId} ${via}`),
          ['a reply', 'b reply', 'a reply', 'a push'],
        )
        await client.unsubscribe(['a'])
        await client.setBackground(true)
        t.same(await client.ping({ n: 1 }), { n: 1 })
        await t.rejects(client.logout(), { code: 'REQUEST_FAILED', message: /500 no/ })
        await client.close()
      })
    }
  }
}

t.test('a refused client learns the code, as a frame or over HTTP', async (t) => {
  const { url } = await startGateway(t)
  const cases = [
    { options: { token: 'bad' }, errCode: WireCode.TokenInvalidError, via: 'frame' },
    { options: { token: 'bad', sdkType: 'go' as const }, errCode: WireCode.TokenInvalidError, via: 'http' },
    { options: { userId: 'a:b' }, errCode: WireCode.ConnArgsErr, via: 'http' },
  ]
  for (const { options, errCode, via } of cases) {
    const error = await OpenimClient.connect({ url, ...USER, ...options }).catch((error: unknown) => error)
    t.match(error, { code: 'CONNECT_REFUSED', errCode, via })
  }
  const nobody = await OpenimClient.connect({ url: 'ws://127.0.0.1:1/', ...USER }).catch(
    (error: unknown) => error,
  )
  t.match(nobody, { code: 'CONNECT_REFUSED', errCode: 0, via: 'none' })
})

t.test('what waits when the connection ends, or for too long, is rejected', async (t) => {
  const { url, owners } = await startGateway(t)
  const client = await OpenimClient.connect({ url, ...USER, timeoutMs: 200 })
  await t.rejects(client.request(RequestId.SendMessage, Buffer.alloc(0)), {
    message: /no reply to 1003 within 200 ms/,
  })
  await t.rejects(
    client.waitForStatus('x', () => true, 20),
    { message: /no such status within 20 ms/ },
  )
  const pending = Promise.all([
    t.rejects(client.request(RequestId.SendMessage, Buffer.alloc(0)), { message: /closed with 4005/ }),
    t.rejects(
      client.waitForStatus('x', () => true),
      { message: /closed with 4005/ },
    ),
  ])
  owners[0].socket?.end(4005, 'x')
  await pending
  t.equal(client.closeCode, 4005)
  await t.rejects(client.request(RequestId.SendMessage, Buffer.alloc(0)), { message: /closed with 4005/ })
  await client.close()
})

t.test('a goodbye is clean, a break is not, a kick is known', async (t) => {
  const { url, owners } = await startGateway(t)
  const goodbye = await OpenimClient.connect({ url, ...USER })
  await goodbye.close(4000)
  t.same(await owners[0].closed, { code: 4000, clean: true })
  const broken = await OpenimClient.connect({ url, ...USER })
  await broken.terminate()
  t.same(await owners[1].closed, { code: CloseCode.NoCloseFrame, clean: false })
  const kicked = await OpenimClient.connect({ url, ...USER })
  const kick = once(kicked, 'kick')
  const close = once(kicked, 'close')
  const { encoding, socket } = owners[2]
  const frame = {
    reqIdentifier: RequestId.Kick,
    msgIncr: '',
    operationID: '',
    errCode: 0,
    errMsg: '',
    data: null,
  }
  socket?.send(encoding.encodeResponse(frame), true)
  socket?.drop()
  await kick
  t.same(await close, [CloseCode.NoCloseFrame])
  t.equal(kicked.isKicked, true)
})
