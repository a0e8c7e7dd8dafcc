/**
 * Input that is wrong, a field at a time: what comes back is an error of the protocol or a harmless answer, in time; the
 * connection lives, other users chat on, and the server itself sees no failure.
 */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { z } from 'zod'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { WireCode } from '../../src/openim/codes.js'
import { ContentType } from '../../src/openim/content-types.js'
import { newMessage } from '../../src/openim/message-bytes.js'
import { Platform } from '../../src/openim/platforms.js'
import {
  GetConversationsHasReadAndMaxSeqReq,
  GetLastMessageReq,
  GetSeqMessageReq,
  MsgData,
  PullMessageBySeqsReq,
  PullMessageBySeqsResp,
  type SeqRange,
} from '../../src/openim/proto/messages.js'
import { RequestId } from '../../src/openim/requests.js'
import { Admin } from '../../src/sdk/admin.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'
import { metricsText, sumOf } from '../support/metrics.js'
import { SECRET } from '../support/node.js'
import { newestSeqs, pullRange, textMessage, textOf } from './chat.js'
import { databaseOf, dumpOf } from './dump.js'
import { messageRoutesOfAll, REST_CALLS } from './rest-calls.js'
import { MESSAGE_REQUESTS, SOCKET_READS } from './socket-reads.js'

/** Clients wait for ten seconds. */
const ANSWER_MS = 9_500
const MALLORY = 'mallory'
const VICTIM = 'victim'
/** Asks to come into every group. */
const APPLICANT = 'zed'
/** Of Mallory and the victim. */
const CHAT = 'si_mallory_victim'
/** Whom nothing of it concerns. */
const [ANN, BOB] = ['ann', 'bob'] as const
const OTHER_CHAT = 'si_ann_bob'

/** What bad input may be answered with. */
const PROPER: readonly number[] = [
  WireCode.Success,
  WireCode.ArgsError,
  WireCode.NoPermissionError,
  WireCode.RecordNotFoundError,
  WireCode.RegisteredAlreadyError,
  WireCode.MsgAlreadyRevoke,
  WireCode.CanNotAddYourselfError,
  WireCode.BlockedByPeer,
  WireCode.RelationshipAlreadyError,
  WireCode.FriendRequestHandled,
  WireCode.UserIDNotFoundError,
  WireCode.GroupIDNotFoundError,
  WireCode.GroupIDExisted,
  WireCode.NotInGroupYetError,
  WireCode.DismissedAlreadyError,
  WireCode.GroupRequestHandled,
]

/** Right bodies that Mallory gets an error for: by then they are friends with the victim, who has not asked. */
const REFUSED: Readonly<Record<string, number>> = {
  '/user/update_notification_account': WireCode.ArgsError,
  '/friend/set_friend_remark': WireCode.RecordNotFoundError,
  '/friend/add_friend': WireCode.RelationshipAlreadyError,
  '/friend/add_friend_response': WireCode.RecordNotFoundError,
  // They own the group.
  '/group/join_group': WireCode.ArgsError,
  '/group/quit_group': WireCode.NoPermissionError,
}

interface Answer {
  status: number
  errCode: number
  text: string
}

class Stage {
  private constructor(
    readonly gateway: GatewayProcess,
    private readonly healthUrl: string,
    private readonly database: ReturnType<typeof databaseOf>,
    readonly adminToken: string,
    readonly mallory: OpenimClient,
    readonly victim: OpenimClient,
    readonly ann: OpenimClient,
    readonly bob: OpenimClient,
  ) {}

  static async open(t: Test): Promise<Stage> {
    const dataDir = join(temporaryFolder('bad-input'), 'data')
    const [healthPort] = await freePorts('127.0.0.1', 1)
    const gateway = await GatewayProcess.ready(t, {
      env: {
        MESSAGES: 'on',
        USERS: 'open',
        LOGIN_POLICY: '0',
        LOG_LEVEL: 'warn',
        DATA_DIR: dataDir,
        HEALTH_PORT: String(healthPort),
        REQUESTS_PER_S_MAX: '100000',
        REQUESTS_PER_S_PER_USER: '100000',
        API_CALLS_PER_S_PER_ADDRESS: '100000',
        OFFLINE_GRACE_MS: '0',
      },
    })
    const apiUrl = `http://127.0.0.1:${gateway.apiPort}`
    const admin = new Admin(apiUrl, SECRET)
    const login = async (userId: string) => {
      const client = await OpenimClient.connect({
        url: `ws://127.0.0.1:${gateway.wsPort}`,
        token: await admin.userToken(userId, Platform.Web),
        userId,
        platformId: Platform.Web,
        timeoutMs: ANSWER_MS,
        // Its frames are as long as what they hold, so that what is too long for it is too long for the Go SDK.
        sdkType: 'go',
      })
      t.teardown(() => client.terminate())
      return client
    }
    const [mallory, victim, ann, bob] = [
      await login(MALLORY),
      await login(VICTIM),
      await login(ANN),
      await login(BOB),
    ]
    await admin.userToken(APPLICANT, Platform.Web)
    for (const text of ['one', 'two', 'three']) await mallory.send(textMessage(MALLORY, VICTIM, text))
    await ann.send(textMessage(ANN, BOB, 'of others'))
    const database = databaseOf(dataDir)
    t.teardown(() => database.close())
    const credentials = { secret: SECRET, userID: 'imAdmin' }
    const answer = await post(apiUrl, '/auth/get_admin_token', credentials)
    const { token } = JSON.parse(answer.text).data
    return new Stage(gateway, `http://127.0.0.1:${healthPort}`, database, token, mallory, victim, ann, bob)
  }

  post(path: string, body: unknown, token = this.adminToken): Promise<Answer> {
    return post(`http://127.0.0.1:${this.gateway.apiPort}`, path, body, token)
  }

  /** The answer of one request: its code, which is one of the protocol. */
  async ask(t: Test, name: string, id: number, data: Uint8Array): Promise<number> {
    const { errCode, errMsg } = await this.mallory.request(id, data)
    if (!PROPER.includes(errCode)) t.fail(`${name}: ${errCode} ${errMsg}`)
    return errCode
  }

  /** All that the database has of the chat of others. */
  async otherChat(): Promise<unknown[]> {
    const dump = await dumpOf(this.database)
    const ofOthers = new Set<unknown>([ANN, BOB, OTHER_CHAT, 'n_ann_bob', 'n_ann_ann', 'n_bob_bob'])
    return Object.values(dump).flatMap((rows) =>
      rows.filter(({ ownerId, conversationId, userId }) =>
        [ownerId ?? userId, conversationId].some((value) => ofOthers.has(value)),
      ),
    )
  }

  /** A group of Mallory with the victim, and one who has asked to come in. */
  async group(groupID: string): Promise<string> {
    const groupInfo = { groupID, groupType: 2, groupName: 'group' }
    const calls: [path: string, body: object][] = [
      ['/group/create_group', { ownerUserID: MALLORY, memberUserIDs: [VICTIM], groupInfo }],
      ['/group/join_group', { groupID, joinSource: 3, inviterUserID: APPLICANT }],
    ]
    for (const [path, body] of calls) {
      const { errCode, text } = await this.post(path, body)
      if (errCode !== 0) throw new Error(text)
    }
    return groupID
  }

  async isUnharmed(t: Test): Promise<void> {
    t.equal(this.mallory.closeCode, undefined, 'the connection lives')
    const seq = (await newestSeqs(this.ann, ANN))[OTHER_CHAT]! + 1
    const text = `message ${seq}`
    await this.ann.send(textMessage(ANN, BOB, text))
    const [message] = await pullRange(this.bob, BOB, {
      conversationID: OTHER_CHAT,
      begin: seq,
      end: seq,
      num: 1,
    })
    t.equal(message && textOf(message), text, 'others chat on')
    const failures = sumOf('porchlight_actor_failures_total', await metricsText(this.healthUrl)) ?? 0
    t.equal(failures, 0, 'no actor has failed')
    const errors = this.gateway.output.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line))
    t.same(errors, [], 'nothing is logged as an error')
  }

  /** The victim reads all that came, as the strict decoder of the Go SDK does. */
  async isReadable(t: Test): Promise<void> {
    // What a test has cleared is not there any more; this one is.
    await this.mallory.send(textMessage(MALLORY, VICTIM, 'last'))
    let count = 0
    for (let end = (await newestSeqs(this.victim, VICTIM))[CHAT]!; end > 0; ) {
      const range = { conversationID: CHAT, begin: 1, end, num: 100 }
      const request = PullMessageBySeqsReq.encode({ userID: VICTIM, seqRanges: [range], order: 0 }).finish()
      const data = (await this.victim.successful(RequestId.PullBySeqRange, request)) ?? new Uint8Array()
      const messages = PullMessageBySeqsResp.decode(strictReader(data)).msgs[CHAT]?.Msgs ?? []
      count += messages.length
      end = (messages[0]?.seq ?? 1) - 1
    }
    t.ok(count > 0, `${count} messages`)
  }
}

async function post(apiUrl: string, path: string, body: unknown, token = ''): Promise<Answer> {
  const response = await fetch(apiUrl + path, {
    method: 'POST',
    headers: { operationID: 'o', token },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  const text = await response.text()
  return { status: response.status, errCode: JSON.parse(text).errCode, text }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const strictReader = (bytes: Uint8Array) => new BinaryReader(bytes, (text) => strict.decode(text))

// Messages, field by field

type FieldKind = 'text' | 'bytes' | 'int32' | 'int64' | 'bool' | 'texts' | 'options' | 'push'

/** The fields of MsgData: number and kind. */
const FIELDS: Record<keyof MsgData, [number: number, kind: FieldKind]> = {
  sendID: [1, 'text'],
  recvID: [2, 'text'],
  groupID: [3, 'text'],
  clientMsgID: [4, 'text'],
  serverMsgID: [5, 'text'],
  senderPlatformID: [6, 'int32'],
  senderNickname: [7, 'text'],
  senderFaceURL: [8, 'text'],
  sessionType: [9, 'int32'],
  msgFrom: [10, 'int32'],
  contentType: [11, 'int32'],
  content: [12, 'bytes'],
  seq: [14, 'int64'],
  sendTime: [15, 'int64'],
  createTime: [16, 'int64'],
  status: [17, 'int32'],
  isRead: [18, 'bool'],
  options: [19, 'options'],
  offlinePushInfo: [20, 'push'],
  atUserIDList: [21, 'texts'],
  attachedInfo: [22, 'text'],
  ex: [23, 'text'],
}

const BAD_UTF8 = Uint8Array.of(0x61, 0xff, 0xfe, 0xc3)
const isNumber = (kind: FieldKind) => kind === 'int32' || kind === 'int64' || kind === 'bool'
const writer = (field: number, type: WireType) => new BinaryWriter().tag(field, type)
const bytesField = (field: number, bytes: Uint8Array) =>
  writer(field, WireType.LengthDelimited).bytes(bytes).finish()
const varintField = (field: number, value: bigint) =>
  writer(field, WireType.Varint).uint64(BigInt.asUintN(64, value)).finish()
const nested = (field: number, text: Uint8Array) => bytesField(field, bytesField(1, text))

/** Wrong values of a field, as bytes to be appended: of a field that comes twice the last one counts. */
function wrongValues(field: number, kind: FieldKind): Record<string, Uint8Array> {
  const wrongTypes = {
    'as a 32-bit number': writer(field, WireType.Bit32).fixed32(7).finish(),
    'as a 64-bit number': writer(field, WireType.Bit64).fixed64(7n).finish(),
  }
  if (isNumber(kind)) {
    return {
      ...wrongTypes,
      'as text': bytesField(field, Buffer.from('7')),
      'as no text': bytesField(field, new Uint8Array()),
      zero: varintField(field, 0n),
      'less than zero': varintField(field, -1n),
      '2^31': varintField(field, 2n ** 31n),
      '2^53': varintField(field, 2n ** 53n),
      '2^63': varintField(field, 2n ** 63n),
      '2^64 - 1': varintField(field, 2n ** 64n - 1n),
      '-2^63': varintField(field, -(2n ** 63n)),
    }
  }
  const wrap = kind === 'options' || kind === 'push' ? nested : bytesField
  return {
    ...wrongTypes,
    'as a number': varintField(field, 7n),
    empty: wrap(field, new Uint8Array()),
    long: wrap(field, Buffer.alloc(100_000, 'x')),
    'no UTF-8': wrap(field, BAD_UTF8),
    'a zero byte': wrap(field, Uint8Array.of(0)),
    'cut short': Buffer.concat([bytesField(field, Buffer.from('x')).subarray(0, -2), Uint8Array.of(0x7f)]),
    'not a message': bytesField(field, Uint8Array.of(0xff, 0xff, 0xff)),
  }
}

/** A good message of Mallory to the victim, new each time. */
const message = (fields: Partial<MsgData> = {}) => textMessage(MALLORY, VICTIM, 'text', fields)
const encoded = (fields: Partial<MsgData> = {}) => MsgData.encode(message(fields)).finish()
const ok = WireCode.Success
const { ArgsError, NoPermissionError, RecordNotFoundError } = WireCode
const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const keys = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, true]))

/** What the rules say in so many words. */
const RULES: [name: string, code: number, fields: Partial<MsgData>][] = [
  ['a good message', ok, {}],
  ['sessionType 0', ArgsError, { sessionType: 0 }],
  ['sessionType 2', ArgsError, { sessionType: 2 }],
  ['sessionType 3, no group', ArgsError, { sessionType: 3 }],
  ['sessionType 3, a group that is not there', RecordNotFoundError, { sessionType: 3, groupID: 'g' }],
  ['sessionType 4', ArgsError, { sessionType: 4 }],
  ['sessionType 5', ArgsError, { sessionType: 5 }],
  ['sessionType 1 of an account', NoPermissionError, { contentType: ContentType.AccountNotification }],
  ['a groupID in a chat of two', ArgsError, { groupID: 'g' }],
  ['recvID with a colon', ArgsError, { recvID: 'a:b' }],
  ['recvID with a brace', ArgsError, { recvID: '{a}' }],
  ['recvID with a line break', ArgsError, { recvID: 'a\nb' }],
  ['no recvID', ArgsError, { recvID: '' }],
  ['a recvID of 129 bytes', ArgsError, { recvID: 'x'.repeat(129) }],
  ['a recvID of 128 bytes', RecordNotFoundError, { recvID: 'x'.repeat(128) }],
  ['no clientMsgID', ArgsError, { clientMsgID: '' }],
  ['a clientMsgID of 129 bytes', ArgsError, { clientMsgID: 'x'.repeat(129) }],
  ['no content', ArgsError, { content: new Uint8Array() }],
  ['content that is not JSON', ArgsError, { content: Buffer.from('{') }],
  [
    'content that is not UTF-8',
    ArgsError,
    { content: Buffer.concat([Buffer.from('"'), BAD_UTF8, Buffer.from('"')]) },
  ],
  ['attachedInfo that is not JSON', ArgsError, { attachedInfo: 'nonsense' }],
  ['ex that is long', ArgsError, { ex: 'x'.repeat(8_193) }],
  ['10,000 options', ArgsError, { options: keys(10_000) }],
  ['10,000 atUserIDList', ArgsError, { atUserIDList: Object.keys(keys(10_000)) }],
  ['1,001 atUserIDList', ArgsError, { atUserIDList: Object.keys(keys(1_001)) }],
  ['content of 1 MB', ArgsError, { content: json('x'.repeat(1_000_000)) }],
  ['content of 600 KB', ArgsError, { content: json('x'.repeat(600_000)) }],
  ['content of 500 KB', ok, { content: json('x'.repeat(500_000)) }],
  ['a quote of nothing', ok, { contentType: ContentType.Quote, content: json({ quoteMessage: null }) }],
  ['a quote of a number', ok, { contentType: ContentType.Quote, content: json({ quoteMessage: 1 }) }],
  ['a quote of -1', ok, { contentType: ContentType.Quote, content: json({ quoteMessage: { seq: -1 } }) }],
  [
    'a quote of 2^53',
    ok,
    { contentType: ContentType.Quote, content: json({ quoteMessage: { seq: 2 ** 53 } }) },
  ],
  ['a quote of text', ok, { contentType: ContentType.Quote, content: json({ quoteMessage: { seq: '1' } }) }],
  [
    'a quote in a list',
    ok,
    { contentType: ContentType.Quote, content: json([{ quoteMessage: { seq: 1 } }]) },
  ],
]

t.test('messages', async (t) => {
  const stage = await Stage.open(t)
  const send = (t: Test, name: string, data: Uint8Array) => stage.ask(t, name, RequestId.SendMessage, data)

  await t.test('each field, wrong in turn', async (t) => {
    t.same(Object.keys(FIELDS), Object.keys(newMessage({})), 'each field has a row')
    for (const [name, [field, kind]] of Object.entries(FIELDS)) {
      for (const [how, bytes] of Object.entries(wrongValues(field, kind))) {
        const label = `${name} ${how}`
        const code = await send(t, label, Buffer.concat([encoded(), bytes]))
        if (/UTF-8|cut short/.test(how)) t.equal(code, ArgsError, `${label}: ${code}`)
        else if (/2\^63|2\^53|2\^64/.test(how) && kind === 'int64' && !/- 1/.test(how))
          t.equal(code, ArgsError, `${label}: ${code}`)
      }
    }
    await stage.isReadable(t)
    await stage.isUnharmed(t)
  })

  await t.test('each rule', async (t) => {
    for (const [name, code, fields] of RULES) t.equal(await send(t, name, encoded(fields)), code, name)
    await stage.isReadable(t)
    await stage.isUnharmed(t)
  })

  await t.test(
    'a quote that is nested as deep as JSON can be shows when its original is revoked',
    async (t) => {
      const { mallory } = stage
      await mallory.send(message())
      const seq = (await newestSeqs(mallory, MALLORY))[CHAT]!
      const depth = 100_000
      const content = `{"quoteMessage":{"seq":${seq},"x":${'['.repeat(depth)}${']'.repeat(depth)}}}`
      await mallory.send(message({ contentType: ContentType.Quote, content: Buffer.from(content) }))
      const { errCode } = await stage.post('/msg/revoke_msg', { conversationID: CHAT, seq, userID: MALLORY })
      t.equal(errCode, ok)
      await stage.isReadable(t)
      await stage.isUnharmed(t)
    },
  )

  await t.test('users of the longest IDs chat, and longer ones are not registered', async (t) => {
    const [one, other] = ['a'.repeat(125), 'b'.repeat(125)]
    const register = async (userIDs: string[]) =>
      (await stage.post('/user/user_register', { users: userIDs.map((userID) => ({ userID })) })).errCode
    t.equal(await register(['c'.repeat(126)]), ArgsError)
    t.equal(await register([one, other]), ok)
    const body = { sendID: one, recvID: other, content: { content: 'x' }, contentType: 101, sessionType: 1 }
    t.equal((await stage.post('/msg/send_msg', body)).errCode, ok)
    const conversationIDs = [`si_${one}_${other}`]
    const clear = { userID: one, conversationIDs, deleteSyncOpt: { IsSyncSelf: true } }
    t.equal(
      (await stage.post('/msg/clear_conversation_msg', clear)).errCode,
      ok,
      'and hear of their own acts',
    )
    await stage.isUnharmed(t)
  })

  await t.test('a long operation ID is not passed on to others', async (t) => {
    const frame = frameEncoding('go', false).encodeRequest({
      reqIdentifier: RequestId.SendMessage,
      token: '',
      sendID: MALLORY,
      operationID: 'x'.repeat(500_000),
      msgIncr: 'long',
      data: encoded({ clientMsgID: 'with-long-operation' }),
    })
    stage.mallory.sendRaw(frame)
    await stage.mallory.send(message({ clientMsgID: 'after' }))
    while (!stage.victim.messages.some((one) => one.message.clientMsgID === 'after'))
      await new Promise((resolve) => stage.victim.once('message', resolve))
    const longest = Math.max(...stage.victim.messages.map(({ operationId }) => operationId.length))
    t.ok(longest < 1_000, `${longest} characters`)
    await stage.isUnharmed(t)
  })
})

// Reads

const RANGE_ENDS = [
  0n,
  1n,
  -1n,
  2n ** 31n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
]
const LONG_ID = `si_${'x'.repeat(10_000)}`
const ODD_IDS = [
  '',
  'si_',
  'n_',
  '_',
  'nonsense',
  LONG_ID,
  '\0',
  'si_\u{10ffff}',
  OTHER_CHAT,
  'n_ann_ann',
  '%',
  "'; --",
]

/** A range of any numbers, some of which no decoder of ours would make. */
function rangeRequest(conversationID: string, begin: bigint, end: bigint, num: bigint): Uint8Array {
  const range = Buffer.concat([
    bytesField(1, Buffer.from(conversationID)),
    varintField(2, begin),
    varintField(3, end),
    varintField(4, num),
  ])
  return Buffer.concat([bytesField(1, Buffer.from(MALLORY)), bytesField(2, range)])
}

t.test('reads', async (t) => {
  const stage = await Stage.open(t)
  const ask = (t: Test, name: string, id: number, data: Uint8Array) => stage.ask(t, name, id, data)
  const pull = (seqRanges: SeqRange[], order = 0) =>
    PullMessageBySeqsReq.encode({ userID: MALLORY, seqRanges, order }).finish()
  const pullMany = (conversations: { conversationID: string; seqs: number[] }[]) =>
    GetSeqMessageReq.encode({ userID: MALLORY, conversations, order: 0 }).finish()

  await t.test('ranges of any numbers', async (t) => {
    for (const begin of RANGE_ENDS) {
      for (const end of RANGE_ENDS) {
        for (const num of RANGE_ENDS) {
          const name = `${begin} to ${end}, ${num}`
          await ask(t, name, RequestId.PullBySeqRange, rangeRequest(CHAT, begin, end, num))
        }
      }
    }
    const most = { conversationID: CHAT, begin: 1, end: 2 ** 31, num: 2 ** 31 }
    t.equal(await ask(t, 'a million messages', RequestId.PullBySeqRange, pull([most])), ok)
    t.equal(await ask(t, 'backwards', RequestId.PullBySeqRange, pull([{ ...most, begin: 5, end: 1 }])), ok)
    t.equal(await ask(t, 'an unknown order', RequestId.PullBySeqRange, pull([most], 77)), ok)
    await stage.isUnharmed(t)
  })

  await t.test('lists that are long', async (t) => {
    const range = { conversationID: CHAT, begin: 1, end: 10, num: 10 }
    const most = Array.from({ length: 9_999 }, () => range)
    t.equal(await ask(t, '9,999 ranges', RequestId.PullBySeqRange, pull(most)), ok)
    t.equal(await ask(t, '10,001 ranges', RequestId.PullBySeqRange, pull([...most, range, range])), ArgsError)
    const ids = Array.from({ length: 9_999 }, (_, index) => `si_mallory_${index}`)
    const request = { userID: MALLORY, conversationIDs: ids, returnPinned: false }
    const many = GetConversationsHasReadAndMaxSeqReq.encode(request).finish()
    t.equal(await ask(t, '9,999 conversations', RequestId.ConversationSeqs, many), ok)
    const lasts = GetLastMessageReq.encode(request).finish()
    t.equal(await ask(t, '9,999 last messages', RequestId.LastMessages, lasts), ok)
    const seqs = Array.from({ length: 1_001 }, (_, index) => index)
    const bySeqs = (list: number[]) => pullMany([{ conversationID: CHAT, seqs: list }])
    t.equal(await ask(t, '1,000 numbers', RequestId.PullBySeqList, bySeqs(seqs.slice(1))), ok)
    t.equal(await ask(t, '1,001 numbers', RequestId.PullBySeqList, bySeqs(seqs)), ArgsError)
    const odd = bySeqs([0, -1, 1, 1, 1, 2 ** 53 - 1, -(2 ** 53) + 1])
    t.equal(await ask(t, 'odd numbers', RequestId.PullBySeqList, odd), ok)
    await stage.isUnharmed(t)
  })

  await t.test('IDs of any form', async (t) => {
    for (const id of ODD_IDS) {
      const label = JSON.stringify(id.slice(0, 20))
      for (const [number, encode] of Object.entries(SOCKET_READS)) {
        t.equal(
          await ask(t, `${number} ${label}`, Number(number), encode(MALLORY, [id])),
          ok,
          `${number} of ${label}`,
        )
      }
    }
    await stage.isUnharmed(t)
  })

  await t.test('each request, cut, lengthened and of other wire types', async (t) => {
    for (const id of MESSAGE_REQUESTS) {
      if (id === RequestId.SendSignal) continue
      const whole = SOCKET_READS[id]?.(MALLORY, [CHAT]) ?? encoded()
      for (let length = 0; length < whole.length; length++) {
        await ask(t, `${id}, ${length} bytes`, id, whole.subarray(0, length))
      }
      for (const field of [1, 2, 3]) {
        for (const kind of ['text', 'int64'] as const) {
          for (const [how, bytes] of Object.entries(wrongValues(field, kind))) {
            await ask(t, `${id}, ${field} ${how}`, id, Buffer.concat([whole, bytes]))
          }
        }
      }
    }
    await stage.isUnharmed(t)
  })
})

// REST

/** Values that a field of JSON may hold, whatever it is for. */
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53 - 1,
  2 ** 53,
  1e308,
  '',
  'x',
  'x'.repeat(10_000),
  'x'.repeat(70_000),
  '\0',
  '\ud800',
  'a:b',
  [],
  [null],
  ['x'],
  [1],
  [-1, 0, 2 ** 53 - 1],
  {},
  { x: 1 },
  { __proto__: 1, constructor: 1 },
  Array.from({ length: 10_001 }, (_, index) => index),
  Array.from({ length: 10_001 }, (_, index) => `id${index}`),
]

/** The fields of a body, and those within them, by their paths. */
function fieldsOf(type: z.core.$ZodType, path: string[] = []): string[][] {
  const def = type._zod.def as unknown as { type: string } & Record<
    'element' | 'in' | 'innerType',
    z.core.$ZodType
  >
  switch (def.type) {
    case 'object':
      return Object.entries((type as z.ZodObject).shape).flatMap(([name, field]) => [
        [...path, name],
        ...fieldsOf(field, [...path, name]),
      ])
    case 'array':
      return [[...path, '0'], ...fieldsOf(def.element, [...path, '0'])]
    case 'pipe':
      return fieldsOf(def.in, path)
    case 'optional':
    case 'nullable':
    case 'default':
      return fieldsOf(def.innerType, path)
    default:
      return []
  }
}

/** The body with one field of another value; what the path leads through is made. */
function withValue(body: unknown, [name, ...rest]: string[], value: unknown): unknown {
  const copy: Record<string, unknown> = Array.isArray(body)
    ? (Object.assign([], body) as never)
    : { ...(body as object) }
  const next = rest[0] === '0' ? [] : {}
  copy[name!] = rest.length === 0 ? value : withValue(copy[name!] ?? next, rest, value)
  return copy
}

t.test('REST: each field of each path', async (t) => {
  const stage = await Stage.open(t)
  const ids = [CHAT, 'n_mallory_victim', 'n_mallory_mallory']
  const subject = { userID: MALLORY, ann: MALLORY, bob: VICTIM, chat: CHAT, ids, seq: 1 }
  const before = await stage.otherChat()
  for (const [index, route] of messageRoutesOfAll().entries()) {
    await t.test(route.path, async (t) => {
      const group = route.path.startsWith('/group/') ? await stage.group(`group${index}`) : ''
      const call = REST_CALLS.find(({ path }) => path === route.path)!
      const body = call.body({ ...subject, group, applicant: APPLICANT })
      const expected = REFUSED[route.path] ?? ok
      t.equal((await stage.post(route.path, body)).errCode, expected, 'the body is right')
      const tries: [name: string, body: unknown][] = [
        ['a list', []],
        ['null', null],
        ['text', '"x"'],
      ]
      for (const path of fieldsOf(route.body)) {
        for (const value of VALUES)
          tries.push([
            `${path.join('.')} = ${JSON.stringify(value)?.slice(0, 60)}`,
            withValue(body, path, value),
          ])
      }
      const depth = 60_000
      const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`
      for (const name of Object.keys(route.body.shape)) {
        const { [name]: _, ...rest } = body
        tries.push([`without ${name}`, rest])
        for (const value of [deep, `{"x":${deep}}`])
          tries.push([
            `${name} nested`,
            `${JSON.stringify(rest).slice(0, -1)}${Object.keys(rest).length > 0 ? ',' : ''}"${name}":${value}}`,
          ])
      }
      for (const [name, tried] of tries) {
        const { status, errCode, text } = await stage.post(route.path, tried)
        if (status !== 200 || !PROPER.includes(errCode)) t.fail(`${name}: ${status} ${text.slice(0, 200)}`)
      }
      t.pass(`${tries.length} bodies`)
    })
  }
  t.ok(isDeepStrictEqual(await stage.otherChat(), before), 'the chat of others is as it was')
  await stage.isReadable(t)
  await stage.isUnharmed(t)
})

// Anything

/** A good request after some bytes were changed, put in, or taken out. */
const mutations = fc.array(
  fc.record({ at: fc.nat(), cut: fc.nat({ max: 4 }), put: fc.uint8Array({ maxLength: 4 }) }),
  { minLength: 1, maxLength: 6 },
)

function mutated(
  bytes: Uint8Array,
  changes: readonly { at: number; cut: number; put: Uint8Array }[],
): Buffer {
  let result = Buffer.from(bytes)
  for (const { at, cut, put } of changes) {
    const start = at % (result.length + 1)
    result = Buffer.concat([result.subarray(0, start), put, result.subarray(start + cut)])
  }
  return result
}

t.test('mutations of good requests change no chat of others, and are no failure of ours', async (t) => {
  const stage = await Stage.open(t)
  const before = await stage.otherChat()
  const ids = [CHAT, 'n_mallory_victim']
  const subject = {
    userID: MALLORY,
    ann: MALLORY,
    bob: VICTIM,
    chat: CHAT,
    ids,
    seq: 1,
    group: 'group',
    applicant: APPLICANT,
  }
  const token = await new Admin(`http://127.0.0.1:${stage.gateway.apiPort}`, SECRET).userToken(
    MALLORY,
    Platform.IOS,
  )
  const requests = MESSAGE_REQUESTS.filter((id) => id !== RequestId.SendSignal)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...requests), mutations, async (id, changes) => {
      const whole = SOCKET_READS[id]?.(MALLORY, ids) ?? encoded()
      const { errCode } = await stage.mallory.request(id, mutated(whole, changes))
      if (!PROPER.includes(errCode)) throw new Error(`${id}: ${errCode}`)
    }),
    { numRuns: 1_500 },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...REST_CALLS),
      fc.oneof(
        mutations.map((changes) => (text: string) => mutated(Buffer.from(text), changes).toString()),
        // A value in the place of another.
        fc.tuple(fc.nat(), fc.jsonValue()).map(([at, value]) => (text: string) => {
          const body = JSON.parse(text)
          const names = Object.keys(body)
          if (names.length > 0) body[names[at % names.length]!] = value
          return JSON.stringify(body)
        }),
      ),
      async ({ path, body }, mutate) => {
        const { status, errCode, text } = await stage.post(path, mutate(JSON.stringify(body(subject))), token)
        if (status !== 200 || !PROPER.includes(errCode)) throw new Error(`${path}: ${text}`)
      },
    ),
    { numRuns: 1_000 },
  )
  t.ok(isDeepStrictEqual(await stage.otherChat(), before), 'the chat of others is as it was')
  await stage.isReadable(t)
  await stage.isUnharmed(t)
})
