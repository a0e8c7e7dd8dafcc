import { createHmac } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode } from '../support/node.js'

const SECRET = 'a secret for tests, long enough'

t.test('bad input gets its error, and the others go on undisturbed', async (t) => {
  const node = await TestNode.start(t, {
    OFFLINE_GRACE_MS: '0',
    MAX_CONNECTIONS: '12',
    MESSAGE_BYTES_MAX: '4096',
    INFLATED_BYTES_MAX: '65536',
    WATCHES_PER_CONNECTION_MAX: '10',
    REQUESTS_PER_S_MAX: '50',
  })
  const watcher = await node.login('bystander', Platform.Web)
  await watcher.subscribe(['neighbour'])

  /** After each attack: a bystander is still told what happens to others. */
  async function othersGoOn(t: Test): Promise<void> {
    t.equal(watcher.closeCode, undefined, 'the bystander is still connected')
    const neighbour = await node.login('neighbour', Platform.Android)
    await seesOn(watcher, 'neighbour', [Platform.Android])
    await neighbour.close()
    await seesOn(watcher, 'neighbour', [])
  }

  async function closeCodeOf(client: OpenimClient): Promise<number> {
    return eventually(() => client.closeCode)
  }

  /** The code with which a login is refused, in both forms in which it can be told. */
  async function refusedWith(options: Parameters<typeof OpenimClient.connect>[0]): Promise<number[]> {
    const codes: number[] = []
    for (const isMsgResp of [false, true]) {
      codes.push(
        await OpenimClient.connect({ ...options, isMsgResp }).then(
          () => 0,
          (error: { errCode: number }) => error.errCode,
        ),
      )
    }
    return codes
  }

  await t.test('a malformed binary frame closes its connection only', async (t) => {
    for (const options of [
      { sdkType: 'js' },
      { sdkType: 'go' },
      { sdkType: 'go', compression: true },
    ] as const) {
      const client = await node.login('malformed', Platform.Android, options)
      client.sendRaw(Uint8Array.of(0xff, 0xfe, 1, 2, 3))
      t.equal(
        await closeCodeOf(client),
        CloseCode.NoCloseFrame,
        `${JSON.stringify(options)}: closed without a close frame`,
      )
    }
    await othersGoOn(t)
  })

  await t.test(
    'a text frame that is not a ping closes its connection; a ping is echoed verbatim',
    async (t) => {
      const client = await node.login('text', Platform.Android)
      t.equal(await client.ping('hello'), 'hello')
      t.same(await client.ping({ a: [1, null] }), { a: [1, null] })
      client.sendRaw('not json')
      t.equal(await closeCodeOf(client), CloseCode.NoCloseFrame)
      await othersGoOn(t)
    },
  )

  await t.test('an oversized message is answered with close code 1009', async (t) => {
    const client = await node.login('oversized', Platform.Android)
    client.sendRaw(new Uint8Array(4097))
    t.equal(await closeCodeOf(client), CloseCode.MessageTooLong)
    await othersGoOn(t)
  })

  await t.test('a ping with a long body is answered with close code 1009', async (t) => {
    const client = await node.login('talker', Platform.Android)
    t.equal(await client.ping('x'.repeat(4_000)), 'x'.repeat(4_000))
    client.sendRaw(JSON.stringify({ type: 'ping', body: 'x'.repeat(4_080) }))
    t.equal(await closeCodeOf(client), CloseCode.MessageTooLong)
    await othersGoOn(t)
  })

  await t.test('a gzip bomb is answered with close code 1009', async (t) => {
    const client = await node.login('bomb', Platform.Android, { sdkType: 'go', compression: true })
    const bomb = gzipSync(new Uint8Array(3_000_000))
    t.ok(bomb.length < 4096, `${bomb.length} bytes that would become 3 MB`)
    client.sendRaw(bomb)
    t.equal(await closeCodeOf(client), CloseCode.MessageTooLong)
    await othersGoOn(t)
  })

  await t.test('an envelope in the name of another user closes its connection', async (t) => {
    const client = await node.login('impostor', Platform.Android)
    const data = SubUserOnlineStatus.encode({ subscribeUserID: ['victim'], unsubscribeUserID: [] }).finish()
    client.sendRaw(
      frameEncoding('js', false).encodeRequest({
        reqIdentifier: RequestId.SubscribeStatus,
        token: '',
        sendID: 'victim',
        operationID: 'o',
        msgIncr: 'm',
        data,
      }),
    )
    t.equal(await closeCodeOf(client), CloseCode.NoCloseFrame)
    await othersGoOn(t)
  })

  await t.test('requests: unreadable data, unknown and not served ones, too many watches', async (t) => {
    const client = await node.login('asker', Platform.Android)
    const unreadable = await client.request(RequestId.SubscribeStatus, Uint8Array.of(0x0a, 0x7f, 1))
    t.match(unreadable, { errCode: WireCode.ArgsError, errMsg: /ArgsError/, data: null })

    const notServed = await client.request(RequestId.NewestSeq, new Uint8Array())
    t.match(notServed, { errCode: WireCode.ServerInternalError, errMsg: /not served/ })

    const ids = Array.from({ length: 11 }, (_, n) => `someone-${n}`)
    await t.rejects(client.subscribe(ids), /1611/)
    t.equal((await client.subscribe(ids.slice(0, 10))).length, 10, 'as many as allowed')
    await t.rejects(client.subscribe(['one-more']), /1611/)
    await client.unsubscribe(['someone-0'])
    t.equal((await client.subscribe(['one-more'])).length, 1, 'room again')
    const answer = await client.subscribe(['someone-1', 'bad:id', '{3F25}', '@bob:example.org', ''])
    t.same(
      answer.map(({ userID, onlinePlatformIDs }) => [userID, onlinePlatformIDs.length]),
      [
        ['someone-1', 0],
        ['bad:id', 0],
        ['{3F25}', 0],
        ['@bob:example.org', 0],
        ['', 0],
      ],
      'IDs that nobody can have are answered as offline, and cost the others nothing',
    )

    client.request(4242, new Uint8Array()).catch(() => {})
    t.equal(await closeCodeOf(client), CloseCode.NoCloseFrame, 'an unknown request closes the connection')
    await othersGoOn(t)
  })

  await t.test(
    'more requests than allowed are answered with 1610, a flood is closed with 1008',
    async (t) => {
      const client = await node.login('flooder', Platform.Android)
      const codes: number[] = []
      // Of a burst that the transport finds too fast already, nothing might be answered.
      const answers = Array.from({ length: 200 }, () =>
        client.request(RequestId.NewestSeq, new Uint8Array()).then(
          ({ errCode }) => codes.push(errCode),
          () => {},
        ),
      )
      t.equal(await closeCodeOf(client), CloseCode.PolicyViolation)
      await Promise.all(answers)
      t.ok(
        codes.includes(WireCode.ServerInternalError) && codes.includes(WireCode.TooManyRequests),
        `first served, then told to slow down`,
      )
      await othersGoOn(t)
    },
  )

  await t.test('logins are refused: each kind of bad token, unknown platform, bad arguments', async (t) => {
    const url = node.wsUrl
    const good = {
      url,
      token: await node.token('eve', Platform.Android),
      userId: 'eve',
      platformId: Platform.Android,
    }
    const nowS = Math.floor(Date.now() / 1000)
    const claims = { UserID: 'eve', PlatformID: Platform.Android, exp: nowS + 1000, iat: nowS }
    const kinds: [string, number, string][] = [
      ['not a JWT', WireCode.TokenMalformedError, 'nonsense'],
      ['expired', WireCode.TokenExpiredError, jwt({ ...claims, exp: nowS - 10 })],
      ['not valid yet', WireCode.TokenNotValidYetError, jwt({ ...claims, nbf: nowS + 1000 })],
      [
        'signed with another key',
        WireCode.TokenUnknownError,
        jwt(claims, 'another secret, also long enough'),
      ],
      ['algorithm none', WireCode.TokenUnknownError, jwt(claims, '', 'none')],
      ['HS512, not pinned', WireCode.TokenUnknownError, jwt(claims, SECRET, 'HS512')],
      ['of another user', WireCode.TokenInvalidError, jwt({ ...claims, UserID: 'adam' })],
      ['for another platform', WireCode.TokenInvalidError, jwt({ ...claims, PlatformID: Platform.Web })],
      ['without exp', WireCode.TokenInvalidError, jwt({ UserID: 'eve', PlatformID: Platform.Android })],
      ['not on record', WireCode.TokenNotExistError, jwt(claims)],
    ]
    for (const [kind, code, token] of kinds) {
      t.same(
        await refusedWith({ ...good, token }),
        [code, code],
        `${kind}: ${code}, over HTTP and as a frame`,
      )
    }
    t.same(
      await refusedWith({ ...good, platformId: 77 }),
      [WireCode.ConnArgsErr, WireCode.ConnArgsErr],
      'unknown platform',
    )
    t.same(
      await refusedWith({ ...good, userId: '' }),
      [WireCode.ConnArgsErr, WireCode.ConnArgsErr],
      'no user',
    )
    t.same(
      await refusedWith({ ...good, userId: 'a{b}' }),
      [WireCode.ConnArgsErr, WireCode.ConnArgsErr],
      'a user ID that cannot be a key',
    )
    t.same(
      await refusedWith({ ...good, token: '' }),
      [WireCode.ConnArgsErr, WireCode.ConnArgsErr],
      'no token',
    )
    const foreign = { ...good, headers: { origin: 'https://evil.example' } }
    t.same(
      await refusedWith(foreign),
      [WireCode.NoPermissionError, WireCode.NoPermissionError],
      'a page of another origin',
    )
    await othersGoOn(t)
  })

  await t.test(
    'more connections than allowed are refused with 1601, and the place is free again after',
    async (t) => {
      const clients: OpenimClient[] = []
      for (let n = 0; n < 11; n++) clients.push(await node.login(`many-${n}`, Platform.Android))
      const token = await node.token('one-too-many', Platform.Android)
      const options = { url: node.wsUrl, token, userId: 'one-too-many', platformId: Platform.Android }
      t.same(await refusedWith(options), [WireCode.ConnOverMaxNumLimit, WireCode.ConnOverMaxNumLimit])
      for (const client of clients) await client.close()
      const last = await eventually(() => node.login('one-too-many', Platform.Android).catch(() => undefined))
      await last.close()
      await othersGoOn(t)
    },
  )
})

function jwt(claims: object, secret = SECRET, alg = 'HS256'): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`
  const hash = alg === 'HS512' ? 'sha512' : 'sha256'
  return `${text}.${alg === 'none' ? '' : createHmac(hash, secret).update(text).digest('base64url')}`
}
