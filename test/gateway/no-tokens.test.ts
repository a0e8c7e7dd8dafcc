/**
 * No token, refresh token or secret in what a whole node says: its log at the finest level, its metrics, its
 * answers and frames, the reasons for which it closes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { handshakeQuery } from '../../src/sdk/openim-handshake.js'
import { eventually } from '../support/eventually.js'
import { endsWithThisProcess } from '../support/leftovers.js'
import { SECRET, testEnv } from '../support/node.js'
import { startRedis } from '../support/redis.js'
import { recordKey } from '../support/tokens.js'

const MAIN = fileURLToPath(new URL('../../server/main.js', import.meta.url))
const UNKNOWN_REQUEST = 4242
const HOUR_S = 3_600
/** The gateway's own bound is 8 KiB, that of its HTTP parser less than this. */
const LONG = 8_500
const TOO_LONG_FOR_HTTP = 100_000
/** Of a secret: longer than any word of an answer, short enough to find a token that was cut off. */
const PIECE = 20

/** What must be found nowhere, and everything that was said. */
class Watch {
  readonly secrets = new Set<string>([SECRET])
  readonly said: { where: string; text: string }[] = []

  /** Look for this text, too. */
  secret(text: string): string {
    this.secrets.add(text)
    return text
  }

  hear(where: string, ...texts: string[]): void {
    for (const text of texts) this.said.push({ where, text })
  }

  /** Where a piece of a secret was found, and around which text. */
  leaks(said = this.said): string[] {
    const pieces = new Set([...this.secrets].flatMap(piecesOf))
    return said.flatMap(({ where, text }) => {
      const found = [...pieces].filter((piece) => text.includes(piece))
      if (found.length === 0) return []
      const at = Math.max(0, text.indexOf(found[0]!) - 100)
      return [`${where}: ${found.length} pieces, ...${text.slice(at, at + 300)}...`]
    })
  }
}

/** Overlapping, so that whatever holds half as much again as a piece in a row holds one. */
function piecesOf(secret: string): string[] {
  const pieces: string[] = []
  for (const part of [...secret.split('.'), encodeURIComponent(secret)]) {
    for (let at = 0; at + PIECE <= part.length; at += PIECE / 2) pieces.push(part.slice(at, at + PIECE))
  }
  return pieces
}

interface Answer {
  errCode: number
  data?: Record<string, string>
}

/** A node in a process of its own, and every way in which it can be made to speak. */
class WatchedNode {
  readonly watch = new Watch()
  readonly env: Record<string, string>
  #child: ChildProcess | undefined
  #output = { stdout: '', stderr: '' }

  private constructor(
    private readonly test: Test,
    env: Record<string, string>,
  ) {
    this.env = testEnv({
      LOG_LEVEL: 'trace',
      LOGIN_POLICY: '1',
      REFRESH_TOKEN_EXPIRE_DAYS: '7',
      REQUESTS_PER_S_MAX: '20',
      ...env,
    })
    if (env.AUTH_SECRET !== undefined) this.watch.secret(env.AUTH_SECRET)
  }

  /** Started, and perhaps about to refuse to be. */
  static async launch(test: Test, env: Record<string, string>): Promise<WatchedNode> {
    const ports: Record<string, string> = {}
    const names = ['WS_PORT', 'API_PORT', 'HEALTH_PORT']
    const free = await freePorts('127.0.0.1', names.length)
    names.forEach((name, at) => {
      ports[name] = `${free[at]}`
    })
    const node = new WatchedNode(test, { ...env, ...ports })
    node.start()
    return node
  }

  static async ready(test: Test, env: Record<string, string> = {}): Promise<WatchedNode> {
    const node = await WatchedNode.launch(test, env)
    await eventually(async () => {
      if (node.#child?.exitCode !== null) throw new Error(`the node ended: ${node.#output.stdout}`)
      const response = await fetch(`${node.apiUrl}/readyz`).catch(() => undefined)
      return response?.ok ? true : undefined
    })
    return node
  }

  private start(): void {
    const child = spawn(process.execPath, [MAIN], { env: { PATH: process.env.PATH, ...this.env } })
    this.#child = child
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        this.#output[name] += text
      })
    }
    endsWithThisProcess(child)
    this.test.teardown(() => child.kill('SIGKILL'))
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.env.WS_PORT}`
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.env.API_PORT}`
  }

  /** Asked to stop, or left to end by itself: when it has, all that it wrote is among what was said. */
  async ended(signal?: NodeJS.Signals): Promise<number | null> {
    const child = this.#child!
    const closed = child.exitCode === null ? once(child, 'close') : undefined
    if (signal !== undefined) child.kill(signal)
    await closed
    this.watch.hear('stdout', this.#output.stdout)
    this.watch.hear('stderr', this.#output.stderr)
    return child.exitCode
  }

  // REST

  /** A call, whose answer is kept unless it is one that hands out tokens. */
  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.apiUrl + path, {
      method: 'POST',
      headers: { operationID: 'op', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    const answer: Answer = text.startsWith('{') ? JSON.parse(text) : { errCode: response.status }
    const { token, refreshToken } = answer.data ?? {}
    if (token !== undefined) this.watch.secret(token)
    if (refreshToken !== undefined) this.watch.secret(refreshToken)
    if (token === undefined) this.watch.hear(`answer of ${path.split('?')[0]}`, text)
    this.watch.hear('header of an answer', JSON.stringify([...response.headers]))
    return answer
  }

  /** From REST and from the health listener. */
  async read(path: string): Promise<void> {
    for (const url of [this.apiUrl, `http://127.0.0.1:${this.env.HEALTH_PORT}`]) {
      const response = await fetch(url + path)
      this.watch.hear(path, await response.text(), JSON.stringify([...response.headers]))
    }
  }

  async adminToken(): Promise<string> {
    const { data } = await this.post('/auth/get_admin_token', { secret: SECRET, userID: 'imAdmin' })
    return data!.token!
  }

  async userToken(userID: UserId, platformID: PlatformId): Promise<{ token: string; refreshToken: string }> {
    const token = await this.adminToken()
    const { data } = await this.post('/auth/get_user_token', { userID, platformID }, { token })
    return { token: data!.token!, refreshToken: data!.refreshToken! }
  }

  // Sockets

  /**
   * Knock with this query, and keep all that comes. Resolves with the code of the verdict, which a socket that wants
   * no frame has with its upgrade; -1 = there was none.
   */
  async knock(
    query: string,
    headers: Record<string, string> = {},
  ): Promise<{ code: number; socket: WebSocket }> {
    const socket = new WebSocket(`${this.wsUrl}${query}`, { headers, perMessageDeflate: false })
    this.test.teardown(() => socket.terminate())
    const wantsFrame = /isMsgResp=true/.test(query) || /[?&]v=/.test(query)
    const code = await new Promise<number>((resolve) => {
      socket.on('error', () => resolve(-1))
      socket.on('close', (closeCode, reason) => {
        this.watch.hear(`close with ${closeCode}`, reason.toString())
        resolve(-1)
      })
      socket.on('message', (data) => {
        const text = String(data)
        this.watch.hear('frame', text)
        if (text.startsWith('{"errCode"')) resolve((JSON.parse(text) as Answer).errCode)
      })
      socket.on('open', () => wantsFrame || resolve(0))
      socket.on('unexpected-response', (_, response) => void this.#hearRefusal(response).then(resolve))
    })
    return { code, socket }
  }

  /** A request of HTTP's own on the port of sockets. */
  async visit(path: string): Promise<void> {
    const response = await new Promise<IncomingMessage | undefined>((resolve) => {
      const asked = httpRequest(this.wsUrl.replace('ws', 'http') + path, resolve)
      asked.on('error', () => resolve(undefined))
      asked.end()
    })
    if (response !== undefined) await this.#hearRefusal(response)
  }

  async #hearRefusal(response: IncomingMessage): Promise<number> {
    let body = ''
    for await (const chunk of response) body += String(chunk)
    this.watch.hear('refusal', `${response.statusCode} ${response.statusMessage}`, body)
    this.watch.hear('header of a refusal', JSON.stringify(response.rawHeaders))
    return body.startsWith('{') ? (JSON.parse(body) as Answer).errCode : -1
  }
}

interface Login {
  token: string
  userId?: UserId
  platformId?: PlatformId
}

/** The query of a login, in all forms in which clients bring it. */
function forms({ token, userId = 'ann', platformId = Platform.Android }: Login): string[] {
  const options = { url: '', token, userId, platformId }
  return [
    `?${handshakeQuery({ ...options, isMsgResp: true })}`,
    `?${handshakeQuery({ ...options, isMsgResp: false })}`,
    `?${handshakeQuery({ ...options, isMsgResp: true, form: 'v' })}`,
    `?${handshakeQuery({ ...options, sdkType: 'go', isMsgResp: false, compression: true })}`,
  ]
}

function jwt(claims: object, secret = SECRET, alg = 'HS256'): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`
  return `${text}.${alg === 'none' ? '' : createHmac('sha256', secret).update(text).digest('base64url')}`
}

/** A token with another signature. */
function forged(token: string): string {
  const at = token.lastIndexOf('.') + 1
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

function envelope(fields: { token: string; sendID: string; reqIdentifier: number }): Uint8Array {
  const data = SubUserOnlineStatus.encode({ subscribeUserID: [fields.token], unsubscribeUserID: [] }).finish()
  return frameEncoding('js', false).encodeRequest({
    ...fields,
    operationID: 'op',
    msgIncr: 'm',
    data,
  })
}

/** What is said in the end, after everything else: then nothing may have been said that should not. */
async function saysNoSecret(t: Test, node: WatchedNode): Promise<void> {
  for (const path of ['/metrics', '/readyz', '/healthz']) await node.read(path)
  t.equal(await node.ended('SIGTERM'), 0, 'it stops as it should')
  const { watch } = node
  t.same(watch.leaks(), [], `of ${watch.secrets.size} secrets in ${watch.said.length} texts`)

  const log = watch.said.find(({ where }) => where === 'stdout')!.text
  t.ok(log.includes(node.env.NODE_ID!), 'its log was heard')
  const lines = log.split('\n').length
  t.comment(`${lines} lines of log, ${log.split('[hidden]').length - 1} times something was hidden there`)
}

t.test('the search would see a secret, wherever it was said', async (t) => {
  const watch = new Watch()
  const token = watch.secret(jwt({ UserID: 'ann', PlatformID: Platform.Android, exp: 1 }))
  const signature = token.slice(token.lastIndexOf('.') + 1)
  watch.hear('stdout', 'a line\nand another\n')
  t.same(watch.leaks(), [])
  for (const text of [
    token,
    signature,
    SECRET,
    encodeURIComponent(SECRET),
    token.slice(0, token.indexOf('.')),
    signature.slice(0, 30),
    signature.slice(-30),
    `{"errDlt":"the token ${token.slice(50, 80)}... is bad"}`,
  ]) {
    for (const said of [text, `before ${text} after`, `before\n"${text}"`]) {
      const planted = watch.said.map((one) => ({ ...one, text: one.text.replace('and', said) }))
      t.equal(watch.leaks(planted).length, 1, said)
    }
  }
})

t.test('a node says no token and no secret, whatever it is asked', async (t) => {
  const node = await WatchedNode.ready(t)
  const { watch } = node

  await t.test('logins with tokens that are good, in every form', async (t) => {
    const { token } = await node.userToken('ann', Platform.Android)
    for (const query of forms({ token })) {
      watch.secret(query.slice(3))
      const { code, socket } = await node.knock(query)
      t.equal(code, 0)
      socket.close()
      await once(socket, 'close')
    }
  })

  await t.test('logins with tokens that are bad, in every form', async (t) => {
    const { token: good } = await node.userToken('ann', Platform.Android)
    const { token: bobs } = await node.userToken('bob', Platform.Android)
    const nowS = Math.floor(Date.now() / 1000)
    const claims = { UserID: 'ann', PlatformID: Platform.Android, exp: nowS + HOUR_S, iat: nowS }
    const cases: [string, number, Login][] = [
      ['a bad signature', WireCode.TokenUnknownError, { token: forged(good) }],
      [
        'another secret',
        WireCode.TokenUnknownError,
        { token: jwt(claims, 'another secret, also long enough') },
      ],
      ['no algorithm', WireCode.TokenUnknownError, { token: jwt(claims, '', 'none') }],
      ['expired', WireCode.TokenExpiredError, { token: jwt({ ...claims, exp: nowS - 10 }) }],
      ['not valid yet', WireCode.TokenNotValidYetError, { token: jwt({ ...claims, nbf: nowS + HOUR_S }) }],
      ['of another user', WireCode.TokenInvalidError, { token: bobs }],
      ['of another platform', WireCode.TokenInvalidError, { token: good, platformId: Platform.Web }],
      ['not on record', WireCode.TokenNotExistError, { token: jwt(claims) }],
      [
        'claims of the wrong type',
        WireCode.TokenMalformedError,
        { token: jwt({ ...claims, UserID: { good } }) },
      ],
      ['no JWT', WireCode.TokenMalformedError, { token: `${good.replaceAll('.', '-')}` }],
      [
        'too long for a token',
        WireCode.TokenMalformedError,
        { token: `${good}${good}`.repeat(5).slice(0, 5_000) },
      ],
      ['spelled otherwise', WireCode.TokenMalformedError, { token: `${good}==` }],
      ['as a user ID', WireCode.ConnArgsErr, { token: good, userId: good }],
      ['as a user ID that cannot be', WireCode.ConnArgsErr, { token: good, userId: `{${good}}` }],
      ['unknown platform', WireCode.ConnArgsErr, { token: good, platformId: 77 }],
    ]
    for (const [kind, code, login] of cases) {
      watch.secret(login.token)
      const codes: number[] = []
      for (const query of forms(login)) codes.push((await node.knock(query)).code)
      t.same(codes, [code, code, code, code], kind)
    }
  })

  await t.test('queries that are over-long or malformed, and tokens where none belong', async (t) => {
    const { token } = await node.userToken('ann', Platform.Android)
    const base = `sendID=ann&platformID=${Platform.Android}`
    const pack = (text: string) => Buffer.from(text).toString('base64url')
    const queries = [
      `?${base}&token=${token}${'x'.repeat(LONG)}`,
      `?${base}&token=${token}&x=${'y'.repeat(LONG)}`,
      `?${token}`,
      `/${token}`,
      `?${base}&Token=${token}`,
      `?${base}&token=%zz${token}`,
      `?${base}&token=${token};`,
      `?${base}&token=%20${token}%0A%00`,
      `?sendID=ann&token=${token}&platformID=${token}`,
      `?${base}&token=${token}&isMsgResp=${token}`,
      `?${base}&token=${token}&isBackground=${token}`,
      `?${base}&token=${token}&sdkType=${token}`,
      `?v=${token}`,
      `?v=${pack(token)}`,
      `?v=${pack(JSON.stringify([token]))}`,
      `?v=${pack(JSON.stringify({ token: [token], userID: 'ann', platformID: Platform.Android }))}`,
      `?v=${pack(JSON.stringify({ token, userID: token, platformID: token }))}`,
      `?v=${pack(JSON.stringify({ token, userID: 'ann', platformID: Platform.Android, sdkType: token }))}`,
      `?v=${pack(JSON.stringify({ token, userID: 'ann', platformID: Platform.Android }))}.${token}`,
    ]
    for (const query of queries) {
      const { code } = await node.knock(query)
      t.ok(code > 0, `${query.slice(0, 40)}... is refused with ${code}`)
    }
    const tooLong = await node.knock(`?${base}&token=${token}${'x'.repeat(TOO_LONG_FOR_HTTP)}`)
    t.equal(tooLong.code, -1, 'there is an end to what HTTP takes')
    for (const header of ['token', 'cookie', 'authorization', 'x-forwarded-for', 'user-agent']) {
      const { code } = await node.knock(`?${base}`, { [header]: token })
      t.equal(code, WireCode.ConnArgsErr, `a token in the header ${header} is none`)
    }
    t.equal((await node.knock(`?${base}`, { origin: `https://${token}` })).code, WireCode.NoPermissionError)
    for (const path of [`/?${base}&token=${token}`, `/${token}`]) await node.visit(path)
  })

  await t.test('sockets whose frames hold tokens', async (t) => {
    const { token } = await node.userToken('cid', Platform.Android)
    const [query] = forms({ token, userId: 'cid' })
    const closes: [string, (string | Uint8Array)[]][] = [
      ['not JSON', [token]],
      ['not a ping', [JSON.stringify({ type: token })]],
      ['not an envelope', [Buffer.from(token)]],
      ['gzip where none is', [gzipSync(token)]],
      [
        'in the name of another',
        [envelope({ token, sendID: token, reqIdentifier: RequestId.SubscribeStatus })],
      ],
      ['unknown request', [envelope({ token, sendID: 'cid', reqIdentifier: UNKNOWN_REQUEST })]],
      [
        'a flood',
        Array.from({ length: 200 }, () =>
          envelope({ token, sendID: 'cid', reqIdentifier: RequestId.SubscribeStatus }),
        ),
      ],
    ]
    for (const [kind, frames] of closes) {
      const { code, socket } = await node.knock(query!)
      t.equal(code, 0)
      const closed = once(socket, 'close')
      for (const frame of frames) socket.send(frame)
      await closed
      t.pass(`${kind}: closed`)
    }
  })

  await t.test('a login that is kicked by another, and comes back', async (t) => {
    const { token } = await node.userToken('dan', Platform.Web)
    const [query] = forms({ token, userId: 'dan', platformId: Platform.Web })
    const { socket } = await node.knock(query!)
    const closed = once(socket, 'close')
    const [second] = forms({
      token: (await node.userToken('dan', Platform.Web)).token,
      userId: 'dan',
      platformId: Platform.Web,
    })
    t.equal((await node.knock(second!)).code, 0)
    await closed
    t.equal((await node.knock(query!)).code, WireCode.TokenKickedError)
  })

  await t.test('REST, with good and bad tokens, refresh tokens and secrets', async (t) => {
    const admin = await node.adminToken()
    const ann = await node.userToken('ann', Platform.Android)
    const refused = new Map<string, number>()
    const bad = [ann.token, ann.refreshToken, forged(admin), forged(ann.token), `${SECRET} `, '']
    for (const text of bad) {
      for (const [path, body] of callsWith(text)) {
        for (const token of [admin, text, ann.token]) {
          const { errCode } = await node.post(path, body, token === '' ? {} : { token: token.trim() })
          refused.set(`${path} ${errCode}`, (refused.get(`${path} ${errCode}`) ?? 0) + 1)
        }
      }
    }
    const codes = new Set([...refused.keys()].map((key) => key.split(' ')[1]))
    for (const code of ['0', '1001', '1002', '1502', '1503', '1505', '1506'])
      t.ok(codes.has(code), `some were answered with ${code}`)

    const { refreshToken } = await node.userToken('eve', Platform.Android)
    t.equal((await node.post('/auth/refresh_token', { refreshToken })).errCode, 0)
    t.equal(
      (await node.post('/auth/refresh_token', { refreshToken })).errCode,
      WireCode.TokenInvalidError,
      'it is used up',
    )
    t.equal((await node.post(`/auth/${admin}`, '')).errCode, WireCode.RecordNotFoundError)
    t.equal((await node.post(`/${admin}/x?token=${admin}`, '')).errCode, WireCode.RecordNotFoundError)
    t.equal(
      (await node.post('/auth/parse_token', `{"token":"${admin}`)).errCode,
      WireCode.ArgsError,
      'half a body',
    )
    t.equal(
      (await node.post('/auth/parse_token', admin.repeat(500))).errCode,
      WireCode.ArgsError,
      'too long a body',
    )
    t.equal(
      (await node.post('/auth/parse_token', { token: admin }, { operationID: '' })).errCode,
      WireCode.ArgsError,
    )
    for (const path of [`/metrics?token=${admin}`, `/readyz?token=${admin}`, `/${admin}`])
      await node.read(path)
  })

  await saysNoSecret(t, node)
})

/** Every route that takes a token somewhere, with this text in its place. */
function callsWith(text: string): [path: string, body: unknown][] {
  const device = { userID: 'ann', platformID: Platform.Android }
  return [
    ['/auth/get_admin_token', { secret: text, userID: 'imAdmin' }],
    ['/auth/get_admin_token', { secret: SECRET, userID: text }],
    ['/auth/get_user_token', { userID: text, platformID: text }],
    ['/auth/parse_token', { token: text }],
    ['/auth/parse_token', { token: [text] }],
    ['/auth/parse_token', text],
    ['/auth/refresh_token', { refreshToken: `${text}x` }],
    ['/auth/refresh_token', { [text]: text }],
    ['/auth/invalidate_token', { ...device, preservedToken: text }],
    ['/auth/kick_tokens', { tokens: [text, `${text}x`] }],
    ['/auth/kick_tokens', { tokens: { text } }],
    ['/auth/force_logout', { ...device, platformID: text }],
    ['/connection/kick', { userID: 'ann', token: text }],
    ['/connection/kick', { userID: text, connectionID: text }],
    ['/connection/list', { userID: text }],
    ['/connection/list', { userID: 'ann' }],
  ]
}

t.test('a node whose store fails, and then is away, says none either', async (t) => {
  const password = 'the password of the store, which is a secret too'
  const redis = await startRedis(['--requirepass', password])
  t.teardown(() => redis.stop())
  const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`
  const client = new Redis(url)
  client.on('error', () => {})
  t.teardown(() => client.disconnect())
  const node = await WatchedNode.ready(t, { REDIS_URL: url })
  node.watch.secret(password)

  const admin = await node.adminToken()
  const { token, refreshToken } = await node.userToken('ann', Platform.Android)
  const { token: damaged } = await node.userToken('bob', Platform.Android)
  await client.set(recordKey('bob', Platform.Android), 'no record of tokens is a string')
  const calls: [path: string, body: object][] = [
    ['/auth/get_user_token', { userID: 'bob', platformID: Platform.Android }],
    ['/auth/parse_token', { token: damaged }],
    ['/auth/invalidate_token', { userID: 'bob', platformID: Platform.Android, preservedToken: damaged }],
    ['/auth/kick_tokens', { tokens: [damaged] }],
    ['/connection/kick', { userID: 'bob', token: damaged }],
  ]
  const codes = async () => {
    const answers = calls.map(([path, body]) => node.post(path, body, { token: admin }))
    return (await Promise.all(answers)).map(({ errCode }) => errCode)
  }

  await t.test('records that cannot be read', async (t) => {
    for (const query of forms({ token: damaged, userId: 'bob' })) {
      t.equal((await node.knock(query)).code, WireCode.DataError)
    }
    t.notOk((await codes()).includes(0), 'all fail')
  })

  await t.test('nothing that can be read', async (t) => {
    await redis.kill()
    const another = node.watch.secret(jwt({ UserID: 'ann', PlatformID: Platform.Android, exp: 4e9, iat: 1 }))
    for (const query of forms({ token: another }))
      t.equal((await node.knock(query)).code, WireCode.DatabaseError)
    for (const query of forms({ token })) await node.knock(query)
    t.notOk((await codes()).includes(0), 'all fail')
    t.not((await node.post('/auth/refresh_token', { refreshToken })).errCode, 0)
    await eventually(async () => ((await fetch(`${node.apiUrl}/readyz`)).status === 503 ? true : undefined))
  })

  await saysNoSecret(t, node)
})

t.test('a node that does not start says why, without a secret', async (t) => {
  const redis = await startRedis(['--requirepass', 'what the server expects'])
  t.teardown(() => redis.stop())
  const wrong = 'a wrong password of the store'
  const cases: [string, Record<string, string>, RegExp][] = [
    ['a secret that everybody knows', { AUTH_SECRET: 'openim123'.repeat(4) }, /AUTH_SECRET/],
    [
      'a wrong password',
      { REDIS_URL: `redis://:${encodeURIComponent(wrong)}@127.0.0.1:${redis.port}` },
      /WRONGPASS/,
    ],
    ['a URL that is none', { REDIS_URL: `redis//:${encodeURIComponent(wrong)}@127.0.0.1` }, /REDIS_URL/],
    [
      'two stores',
      { REDIS_URL: `redis://:${wrong.replaceAll(' ', '-')}@h`, REDIS_CLUSTER_NODES: 'h:1' },
      /REDIS_URL, REDIS_CLUSTER_NODES and REDIS_SENTINELS: two/,
    ],
  ]
  for (const [kind, env, reason] of cases) {
    const node = await WatchedNode.launch(t, env)
    for (const text of [wrong, wrong.replaceAll(' ', '-')]) node.watch.secret(text)
    t.equal(await node.ended(), 1, kind)
    t.match(node.watch.said.map(({ text }) => text).join(), reason)
    t.same(node.watch.leaks(), [], kind)
  }
})
