/**
 * Who may do what: every request of the socket and every REST path about messages, from each kind of caller.
 *
 * A call names a user. It is made once in the name of Ann, whoever calls, and once in the caller's own name, about the
 * chat of Ann and Bob. What was refused, or only read, has changed nothing in the database.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import type { RouteDeps } from '../../src/doors/rest/route.js'
import { READS } from '../../src/doors/websocket/message-requests.js'
import { WireCode } from '../../src/openim/codes.js'
import { ContentType } from '../../src/openim/content-types.js'
import { Platform } from '../../src/openim/platforms.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import { RequestId } from '../../src/openim/requests.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { OPERATIONS } from '../../src/services/operations/table.js'
import { temporaryFolder } from '../support/leftovers.js'
import { SECRET, type TestNode } from '../support/node.js'
import { messageNode, textMessage } from './chat.js'
import { type Dump, databaseOf, dumpOf } from './dump.js'
import { messageRoutesOfAll, REST_CALLS, type RestCall, type Rule, type Subject } from './rest-calls.js'
import { MESSAGE_REQUESTS, SOCKET_READS } from './socket-reads.js'

type Caller = 'nobody' | 'stranger' | 'peer' | 'self' | 'admin'
type Verdict =
  /** Answered, and done. */
  | 'served'
  /** Answered, and what is not the caller's is left out: nothing is shown and nothing changes. */
  | 'leftOut'
  /** An error of the protocol. */
  | number
type Verdicts = Record<Caller, Verdict>

const MISSING = WireCode.ArgsError
const DENIED = WireCode.NoPermissionError
const ABSENT = WireCode.RecordNotFoundError
const CALLERS = ['nobody', 'stranger', 'peer', 'self', 'admin'] as const

/** In the name of Ann. */
const AS_ANN: Record<Rule, Verdicts> = {
  self: { nobody: MISSING, stranger: DENIED, peer: DENIED, self: 'served', admin: 'served' },
  own: { nobody: MISSING, stranger: DENIED, peer: DENIED, self: 'served', admin: 'served' },
  either: { nobody: MISSING, stranger: DENIED, peer: 'served', self: 'served', admin: 'served' },
  caller: { nobody: MISSING, stranger: 'leftOut', peer: 'served', self: 'served', admin: 'leftOut' },
  admin: { nobody: MISSING, stranger: DENIED, peer: DENIED, self: DENIED, admin: 'served' },
  anyToken: { nobody: MISSING, stranger: 'served', peer: 'served', self: 'served', admin: 'served' },
  member: { nobody: MISSING, stranger: DENIED, peer: 'served', self: 'served', admin: 'served' },
  manager: { nobody: MISSING, stranger: ABSENT, peer: DENIED, self: 'served', admin: 'served' },
  owner: { nobody: MISSING, stranger: DENIED, peer: DENIED, self: 'served', admin: 'served' },
}

/** In the caller's own name. */
const AS_THEMSELVES: Record<Rule, Verdicts> = {
  ...AS_ANN,
  self: { nobody: MISSING, stranger: 'leftOut', peer: 'served', self: 'served', admin: 'leftOut' },
  own: { nobody: MISSING, stranger: 'served', peer: 'served', self: 'served', admin: 'served' },
  either: { nobody: MISSING, stranger: 'leftOut', peer: 'served', self: 'served', admin: 'leftOut' },
}

/** The administrator is no user who is registered. */
const NOT_REGISTERED: Partial<Verdicts> = { admin: ABSENT }
const NOT_THERE: Partial<Verdicts> = { stranger: ABSENT, peer: ABSENT, self: ABSENT, admin: ABSENT }

/** The stranger has noted something before; the others are new. */
const NOTED_BY_STRANGER: Partial<Verdicts> = { ...NOT_THERE, stranger: 'served' }

/** Whoever calls. Ann comes before the administrator, who finds done what Ann did. */
const GROUPS: Readonly<Record<string, Partial<Verdicts>>> = {
  '/group/transfer_group': { admin: WireCode.ArgsError },
  '/group/dismiss_group': { admin: WireCode.DismissedAlreadyError },
  // Bob sends themselves away.
  '/group/kick_group': { peer: WireCode.ArgsError, admin: WireCode.UserIDNotFoundError },
  '/group/group_application_response': { admin: WireCode.GroupRequestHandled },
}
/** Who is a member cannot come in. */
const IS_MEMBER = WireCode.ArgsError

/** In the name of Ann, where it is an error. Bob has asked for friendship, and Ann answers before the administrator. */
const OF_ANN: Readonly<Record<string, Partial<Verdicts>>> = {
  ...GROUPS,
  '/group/join_group': { self: IS_MEMBER, admin: IS_MEMBER },
  // The owner stays.
  '/group/quit_group': { self: DENIED, admin: DENIED },
  '/group/get_specified_user_group_request_info': { stranger: ABSENT },
  '/friend/set_friend_remark': { self: ABSENT, admin: ABSENT },
  '/friend/add_friend_response': { admin: WireCode.ArgsError },
  // Nothing has been noted.
  '/user/process_user_command_update': { self: ABSENT, admin: ABSENT },
  '/user/process_user_command_delete': { self: ABSENT, admin: ABSENT },
  // Ann is a person.
  '/user/update_notification_account': { admin: WireCode.ArgsError },
}

/** Of those who have no part in the chat, where it is an error: what they would change is not there. */
const NO_RECORD: Partial<Verdicts> = { stranger: ABSENT, admin: ABSENT }
const NOT_THEIR_NAME: Partial<Verdicts> = { stranger: WireCode.ArgsError, admin: WireCode.ArgsError }

const THEMSELVES: Readonly<Record<string, Partial<Verdicts>>> = {
  ...GROUPS,
  '/group/create_group': { admin: WireCode.UserIDNotFoundError },
  '/group/join_group': { peer: IS_MEMBER, self: IS_MEMBER, admin: ABSENT },
  '/group/quit_group': { stranger: ABSENT, self: DENIED, admin: ABSENT },
  '/msg/mark_conversation_as_read': NO_RECORD,
  '/msg/mark_msgs_as_read': NO_RECORD,
  '/msg/set_conversation_has_read_seq': NO_RECORD,
  '/msg/delete_msgs': NO_RECORD,
  // A stranger learns nothing, Bob did not send it, and an administrator revokes whatever they like.
  '/msg/revoke_msg': { stranger: ABSENT, peer: DENIED, admin: 'served' },
  '/conversation/set_conversations': NOT_THEIR_NAME,
  '/friend/set_friend_remark': NOT_THERE,
  // Nobody but Bob has asked, and that Ann.
  '/friend/add_friend_response': { ...NOT_THERE, self: 'served' },
  '/friend/add_friend': NOT_REGISTERED,
  '/friend/add_black': NOT_REGISTERED,
  '/user/process_user_command_add': NOT_REGISTERED,
  '/user/process_user_command_update': NOTED_BY_STRANGER,
  '/user/process_user_command_delete': NOTED_BY_STRANGER,
  '/user/update_notification_account': { admin: WireCode.ArgsError },
  '/user/update_user_info': NOT_REGISTERED,
  '/user/update_user_info_ex': NOT_REGISTERED,
  '/user/set_global_msg_recv_opt': NOT_REGISTERED,
}

/** What an answer may give away: names and client IDs that stand nowhere else. */
interface Marks {
  /** The ID of the chat, in lists of conversations. */
  listed: string
  /** Of the last message. */
  chat: string
  /** Of a notification to both, and of one of Ann to herself. */
  pair: string
  own: string
}
type MarkName = keyof Marks

/** What the answers show to Ann. Of Ann's own notifications, Bob sees nothing. */
const SHOWS: Readonly<Record<string, readonly MarkName[]>> = {
  '/msg/newest_seq': ['listed'],
  '/msg/pull_msg_by_seq': ['chat', 'pair', 'own'],
  '/msg/get_conversations_has_read_and_max_seq': ['listed'],
  '/msg/search_msg': ['chat'],
  '/conversation/get_owner_conversation': ['listed'],
  '/conversation/get_all_conversations': ['listed'],
  '/conversation/get_conversations': ['listed'],
  '/conversation/get_full_conversation_ids': ['listed'],
  '/jssdk/get_active_conversations': ['listed', 'chat'],
  '/jssdk/get_conversations': ['listed', 'chat'],
  [RequestId.NewestSeq]: ['listed'],
  [RequestId.PullBySeqRange]: ['chat', 'pair', 'own'],
  [RequestId.PullBySeqList]: ['chat', 'pair', 'own'],
  [RequestId.ConversationSeqs]: ['listed'],
  [RequestId.LastMessages]: ['chat', 'pair', 'own'],
}
/** Its answer repeats what was asked. */
const REPEATS: readonly string[] = [String(RequestId.PullBySeqList)]

const STRANGER = 'eve'
/** Asks to come into every group. */
const APPLICANT = 'zed'
const ADMIN = 'imAdmin'

interface Answer {
  errCode: number
  text: string
}

/** Two users who have chatted, and what they may not show to others. */
interface Chat {
  ann: string
  bob: string
  chat: string
  ids: string[]
  marks: Marks
  group: string
  applicant: string
}

class Stage {
  readonly #chats: Chat[] = []
  #adminToken = ''

  private constructor(
    private readonly test: Test,
    readonly node: TestNode,
    readonly database: ReturnType<typeof databaseOf>,
  ) {}

  static async open(t: Test, env: Record<string, string> = {}): Promise<Stage> {
    const dataDir = temporaryFolder('rights')
    const node = await messageNode(t, { DATA_DIR: dataDir, API_CALLS_PER_S_PER_ADDRESS: '100000', ...env })
    for (const user of [STRANGER, APPLICANT]) await node.token(user, Platform.Web)
    const database = databaseOf(dataDir)
    t.teardown(() => database.close())
    const stage = new Stage(t, node, database)
    const answer = await stage.post('/auth/get_admin_token', { secret: SECRET, userID: ADMIN })
    stage.#adminToken = JSON.parse(answer.text).data.token
    return stage
  }

  /** Once all that follows from earlier calls is done. */
  async dump(): Promise<Dump> {
    for (;;) {
      const dump = await dumpOf(this.database)
      if (dump.followUps!.length === 0) return dump
      await sleep(5)
    }
  }

  async post(path: string, body: object, token?: string): Promise<Answer> {
    const response = await fetch(this.node.apiUrl + path, {
      method: 'POST',
      headers: { operationID: randomUUID(), ...(token !== undefined && { token }) },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    return { errCode: JSON.parse(text).errCode, text }
  }

  userOf(caller: Caller, { ann, bob }: Chat): string {
    return { nobody: 'nobody', stranger: STRANGER, peer: bob, self: ann, admin: ADMIN }[caller]
  }

  async tokenOf(caller: Caller, chat: Chat): Promise<string | undefined> {
    if (caller === 'nobody') return undefined
    return caller === 'admin' ? this.#adminToken : this.node.token(this.userOf(caller, chat), Platform.Web)
  }

  async login(caller: Caller, chat: Chat): Promise<OpenimClient> {
    if (caller !== 'admin') return this.node.login(this.userOf(caller, chat), Platform.Web)
    const client = await OpenimClient.connect({
      url: this.node.wsUrl,
      token: this.#adminToken,
      userId: ADMIN,
      platformId: Platform.Admin,
    })
    this.test.teardown(() => client.terminate())
    return client
  }

  /** Two messages of Ann and one of Bob, a read receipt, and a notice of Ann to herself. */
  async chat(): Promise<Chat> {
    const count = this.#chats.length
    const [ann, bob] = [`ann${count}`, `bob${count}`] as const
    const tokens = await Promise.all([ann, bob].map((user) => this.node.token(user, Platform.Web)))
    const ids = [`si_${ann}_${bob}`, `n_${ann}_${bob}`, `n_${ann}_${ann}`]
    const chat: Chat = {
      ann,
      bob,
      chat: ids[0]!,
      ids,
      marks: { listed: ids[0]!, chat: '', pair: '', own: '' },
      group: `group${count}`,
      applicant: APPLICANT,
    }
    const act = async (path: string, body: object, token?: string) => {
      const answer = await this.post(path, body, token ?? this.#adminToken)
      if (answer.errCode !== 0) throw new Error(answer.text)
    }
    for (const [sendID, recvID] of [
      [ann, bob],
      [ann, bob],
      [bob, ann],
    ] as const) {
      const content = { content: 'secret' }
      await act('/msg/send_msg', { sendID, recvID, content, contentType: 101, sessionType: 1 })
    }
    const read = { conversationID: chat.chat, userID: bob, hasReadSeq: 1, seqs: [1] }
    await act('/msg/mark_conversation_as_read', read, tokens[1])
    const deleteSyncOpt = { IsSyncSelf: true, IsSyncOther: false }
    await act(
      '/msg/delete_msgs',
      { conversationID: chat.chat, seqs: [2], userID: ann, deleteSyncOpt },
      tokens[0],
    )
    await act('/friend/add_friend', { fromUserID: bob, toUserID: ann, reqMsg: 'please' }, tokens[1])
    const groupInfo = { groupID: chat.group, groupType: 2, groupName: 'walkers' }
    await act('/group/create_group', { ownerUserID: ann, memberUserIDs: [bob], groupInfo }, tokens[0])
    await act('/group/join_group', { groupID: chat.group, joinSource: 3, inviterUserID: APPLICANT })
    const { messages } = await this.dump()
    const [ofChat, ofPair, own] = ids.map((id) => {
      const body = messages!.findLast(({ conversationId }) => conversationId === id)!.body
      return MsgData.decode(body as Uint8Array).clientMsgID
    })
    Object.assign(chat.marks, { chat: ofChat, pair: ofPair, own })
    this.#chats.push(chat)
    return chat
  }

  async isAsBefore(t: Test, before: Dump, name: string): Promise<void> {
    const now = await this.dump()
    if (!isDeepStrictEqual(now, before)) t.same(now, before, `${name}: changed nothing`)
  }

  /** One call, held against what is expected of it. */
  async judge(
    t: Test,
    name: string,
    verdict: Verdict,
    { shown, marks, isRead }: { shown: readonly MarkName[]; marks: Marks; isRead: boolean },
    call: () => Promise<Answer>,
  ): Promise<void> {
    const before = await this.dump()
    const { errCode, text } = await call()
    t.equal(errCode, typeof verdict === 'number' ? verdict : 0, `${name}: ${text.slice(0, 200)}`)
    const expected = verdict === 'served' ? shown : []
    for (const mark of Object.keys(marks) as MarkName[]) {
      if (mark === 'listed' && (!isListed(name) || verdict !== 'leftOut') && !expected.includes(mark))
        continue
      t.equal(text.includes(marks[mark]), expected.includes(mark), `${name}: shows ${mark}`)
    }
    if (verdict !== 'served' || isRead) await this.isAsBefore(t, before, name)
  }
}

/** Whether the ID of the chat stands in its answer only where the chat does. */
function isListed(name: string): boolean {
  const key = name.split(' ')[0]!
  return SHOWS[key] !== undefined && !REPEATS.includes(key)
}

function shownTo(caller: Caller, key: string, isOfAnn: boolean): readonly MarkName[] {
  const shown = SHOWS[key] ?? []
  return caller === 'peer' && !isOfAnn ? shown.filter((mark) => mark !== 'own') : shown
}

/** The operation that a path ends in, `send` for sending, or none. */
async function operationOf(path: string): Promise<string> {
  const route = messageRoutesOfAll().find((one) => one.path === path)!
  const subject = {
    userID: 'u',
    ann: 'a',
    bob: 'b',
    chat: 'si_a_b',
    ids: ['si_a_b'],
    seq: 1,
    group: 'g',
    applicant: 'z',
  }
  const body = route.body.parse(REST_CALLS.find((call) => call.path === path)!.body(subject))
  let called = ''
  const operations = {
    callJson: async (operation: string) => {
      called = operation
      return '{}'
    },
    send: async () => {
      called = 'send'
      return {}
    },
    statusOf: () => undefined,
  }
  const caller = { userId: 'u', platformId: Platform.Web, isAdmin: true, expiresAtS: 0 }
  const call = { path, operationId: 'o', address: '', caller, on: {} }
  await route.handle({ operations } as unknown as RouteDeps, body, call)
  return called
}

t.test('every operation has a row here', async (t) => {
  const paths = REST_CALLS.map(({ path }) => path)
  t.same(
    [...paths].sort(),
    messageRoutesOfAll()
      .map(({ path }) => path)
      .sort(),
    'each path once',
  )
  t.same(Object.keys(SOCKET_READS).map(Number).sort(), [...READS.keys()].sort(), 'each read of the socket')
  const others = MESSAGE_REQUESTS.filter((id) => !READS.has(id))
  t.same(others, [RequestId.SendMessage, RequestId.SendSignal], 'which are tested below')
  const reached = new Set(await Promise.all(paths.map(operationOf)))
  for (const name of READS.values()) reached.add(name)
  const unreached = Object.keys(OPERATIONS).filter((name) => !reached.has(name))
  t.same(unreached, ['ensureUser'], 'the server alone calls it, for a first token')
  const strays = [THEMSELVES, OF_ANN, SHOWS]
    .flatMap(Object.keys)
    .filter((key) => !paths.includes(key) && !(key in SOCKET_READS))
  t.same(strays, [], 'nothing is expected of what is not there')
})

t.test('REST', async (t) => {
  const stage = await Stage.open(t)
  const forReads = await stage.chat()
  for (const call of REST_CALLS) await t.test(call.path, (t) => tryPath(t, stage, call, forReads))
})

async function tryPath(t: Test, stage: Stage, { path, rule, body }: RestCall, forReads: Chat): Promise<void> {
  const operation = await operationOf(path)
  const isRead = operation === '' || OPERATIONS[operation as keyof typeof OPERATIONS]?.room === 'reader'
  for (const isOfAnn of [true, false]) {
    const chat = isRead ? forReads : await stage.chat()
    const { ann, marks } = chat
    const verdicts = isOfAnn
      ? { ...AS_ANN[rule], ...OF_ANN[path] }
      : { ...AS_THEMSELVES[rule], ...THEMSELVES[path] }
    for (const caller of CALLERS) {
      const userID = isOfAnn ? ann : stage.userOf(caller, chat)
      // What one of them revoked, the next one could not revoke.
      const subject: Subject = { ...chat, userID, seq: caller === 'admin' ? 3 : 1 }
      const name = `${path} by ${caller} as ${isOfAnn ? 'Ann' : 'themselves'}`
      const shown = rule === 'caller' ? shownTo(caller, path, false) : shownTo(caller, path, isOfAnn)
      const token = await stage.tokenOf(caller, chat)
      await stage.judge(t, name, verdicts[caller], { shown, marks, isRead }, () =>
        stage.post(path, body(subject), token),
      )
    }
  }
}

t.test('the socket', async (t) => {
  const stage = await Stage.open(t)
  const chat = await stage.chat()
  const { ann, ids, marks } = chat
  const callers = CALLERS.filter((caller) => caller !== 'nobody')
  const clients = new Map<Caller, OpenimClient>()
  for (const caller of callers) clients.set(caller, await stage.login(caller, chat))

  const ask = async (caller: Caller, id: number, data: Uint8Array): Promise<Answer> => {
    const answer = await clients.get(caller)!.request(id, data)
    return {
      errCode: answer.errCode,
      text: answer.errMsg + Buffer.from(answer.data ?? []).toString('latin1'),
    }
  }

  await t.test('nobody is let in without a token', async (t) => {
    const refused = await stage.node.login(ann, Platform.Web, { token: '' }).catch((error: unknown) => error)
    t.match(refused, { errCode: WireCode.ConnArgsErr })
  })

  for (const [id, encode] of Object.entries(SOCKET_READS)) {
    await t.test(`request ${id}`, async (t) => {
      for (const isOfAnn of [true, false]) {
        for (const caller of callers) {
          const userID = isOfAnn ? ann : stage.userOf(caller, chat)
          const name = `${id} by ${caller} as ${isOfAnn ? 'Ann' : 'themselves'}`
          const verdict = (isOfAnn ? AS_ANN : AS_THEMSELVES).self[caller]
          const shown = shownTo(caller, id, isOfAnn)
          await stage.judge(t, name, verdict, { shown, marks, isRead: true }, () =>
            ask(caller, Number(id), encode(userID, ids)),
          )
        }
      }
    })
  }

  await t.test('signals (1004) are served to nobody', async (t) => {
    for (const caller of callers) {
      await stage.judge(
        t,
        `1004 by ${caller}`,
        WireCode.ServerInternalError,
        { shown: [], marks, isRead: true },
        () => ask(caller, RequestId.SendSignal, new Uint8Array()),
      )
    }
  })

  await t.test('sending (1003): in no other name, and no notifications', async (t) => {
    const send = (caller: Caller, message: MsgData) =>
      ask(caller, RequestId.SendMessage, MsgData.encode(message).finish())
    const check = async (name: string, caller: Caller, verdict: Verdict, message: MsgData) =>
      stage.judge(t, `1003 ${name} by ${caller}`, verdict, { shown: [], marks, isRead: false }, () =>
        send(caller, message),
      )
    for (const caller of callers) {
      const inNameOf = (sendID: string) => textMessage(sendID, chat.bob, 'x')
      await check('as Ann', caller, caller === 'self' ? 'served' : DENIED, inNameOf(ann))
      await check('as nobody', caller, DENIED, inNameOf(''))
      await check('as an administrator', caller, caller === 'admin' ? 'served' : DENIED, inNameOf(ADMIN))
      const ofOwn = (fields: Partial<MsgData>) =>
        textMessage(stage.userOf(caller, chat), chat.bob, 'x', fields)
      const onlyAdmin = caller === 'admin' ? 'served' : DENIED
      for (const contentType of [1_000, 1_300, 1_701, 2_001, 2_101, 2_102, 2_200, 5_000]) {
        await check(`content ${contentType}`, caller, onlyAdmin, ofOwn({ contentType }))
      }
      const ofAccount = { contentType: ContentType.AccountNotification, sessionType: 4 }
      await check('content 1400', caller, onlyAdmin, ofOwn(ofAccount))
      await check(
        'option of a notification',
        caller,
        onlyAdmin,
        ofOwn({ options: { isNotNotification: false } }),
      )
      for (const contentType of [999, 5_001])
        await check(`content ${contentType}`, caller, 'served', ofOwn({ contentType }))
      await check('to one who is not registered', caller, ABSENT, {
        ...ofOwn({}),
        recvID: 'not-registered',
      })
    }
  })
})

t.test('settings open nobody a conversation that is not theirs', async (t) => {
  const stage = await Stage.open(t)
  const chat = await stage.chat()
  const { ann, bob, marks } = chat
  const token = await stage.tokenOf('stranger', chat)
  const client = await stage.login('stranger', chat)
  const forged: [
    name: string,
    conversationID: string,
    conversationType: number,
    userID: string,
    groupID?: string,
  ][] = [
    ['with nobody', chat.chat, 1, ''],
    ['with themselves', chat.chat, 1, STRANGER],
    ['with Ann', chat.chat, 1, ann],
    ['with Bob', chat.chat, 1, bob],
    ['as an account', chat.chat, 4, ann],
    ['as a group', chat.chat, 3, '', ann],
    ['notifications', `n_${ann}_${bob}`, 1, ann],
    ["Ann's own notifications", `n_${ann}_${ann}`, 1, ann],
    ['messages of an account', `sn_${ann}_${bob}`, 4, ann],
    ['a group', 'sg_somebody', 3, '', 'somebody'],
    ['a name of no kind', 'nonsense', 1, ann],
    ['a user who is not registered', `si_${STRANGER}_zoe`, 1, 'zoe'],
  ]
  for (const [name, conversationID, conversationType, userID, groupID = ''] of forged) {
    for (const setting of [{ isPinned: true }, { isPrivateChat: true }]) {
      const conversation = { conversationID, conversationType, userID, groupID, ...setting }
      const before = await stage.dump()
      const { errCode, text } = await stage.post(
        '/conversation/set_conversations',
        { userIDs: [STRANGER], conversation },
        token,
      )
      const expected = userID === 'zoe' ? ABSENT : WireCode.ArgsError
      t.equal(errCode, expected, `${name}, ${Object.keys(setting)[0]}: ${text}`)
      await stage.isAsBefore(t, before, name)
    }
  }
  for (const [id, encode] of Object.entries(SOCKET_READS)) {
    const { data } = await client.request(Number(id), encode(STRANGER, chat.ids))
    const text = Buffer.from(data ?? []).toString('latin1')
    for (const mark of [marks.chat, marks.pair, marks.own])
      t.notOk(text.includes(mark), `${id} shows nothing`)
  }
  const own = { conversationID: `si_${ann}_${STRANGER}`, conversationType: 1, userID: ann, isPinned: true }
  const done = await stage.post(
    '/conversation/set_conversations',
    { userIDs: [STRANGER], conversation: own },
    token,
  )
  t.equal(done.errCode, 0, 'one that is theirs may be set before the first message')
})

t.test('the second pair that spells a name gets nothing of the first one', async (t) => {
  const stage = await Stage.open(t)
  const [one, other, second, peer] = ['x_y', 'z', 'x', 'y_z'] as const
  const name = 'si_x_y_z'
  const tokens = new Map<string, string>()
  for (const user of [one, other, second, peer]) tokens.set(user, await stage.node.token(user, Platform.Web))
  const client = await stage.node.login(one, Platform.Web)
  const intruder = await stage.node.login(second, Platform.Web)
  const refused = textMessage(second, 'not-registered', 'x', { recvID: 'y_unknown' })
  await t.rejects(intruder.send(refused), /1004/)
  const message = textMessage(one, other, 'secret')
  await client.send(message)
  await t.rejects(intruder.send(textMessage(second, peer, 'mine')), /1001/, 'the name is taken')
  const asSecond = (path: string, body: object) => stage.post(path, body, tokens.get(second))
  const conversation = { conversationID: name, conversationType: 1, userID: peer, isPinned: true }
  const set = await asSecond('/conversation/set_conversations', { userIDs: [second], conversation })
  t.equal(set.errCode, 0, 'their list may name it: by its name it is theirs')
  const before = await stage.dump()
  for (const [id, encode] of Object.entries(SOCKET_READS)) {
    const { errCode, data } = await intruder.request(Number(id), encode(second, [name, 'n_x_y_z']))
    t.equal(errCode, 0)
    t.notOk(
      Buffer.from(data ?? [])
        .toString('latin1')
        .includes(message.clientMsgID),
      `${id} shows nothing`,
    )
  }
  const seqs = await asSecond('/msg/newest_seq', { userID: second })
  t.notOk(seqs.text.includes(name), 'not even how many there are')
  const read = { conversationID: name, userID: second, hasReadSeq: 1, seqs: [1] }
  t.equal((await asSecond('/msg/mark_conversation_as_read', read)).errCode, WireCode.ArgsError)
  t.equal(
    (await asSecond('/msg/revoke_msg', { conversationID: name, seq: 1, userID: second })).errCode,
    ABSENT,
  )
  t.same(await stage.dump(), before, 'and nothing has changed')
})

t.test('what is done for all is for the sender, or for whom DELETE_FOR_ALL names', async (t) => {
  const deleteSyncOpt = { IsSyncSelf: false, IsSyncOther: true }
  const plans = {
    sender: { ofOwn: 'served', ofOther: DENIED, clear: DENIED },
    anyone: { ofOwn: 'served', ofOther: 'served', clear: 'served' },
    nobody: { ofOwn: DENIED, ofOther: DENIED, clear: DENIED },
  } as const
  for (const [DELETE_FOR_ALL, { ofOwn, ofOther, clear }] of Object.entries(plans)) {
    const stage = await Stage.open(t, { DELETE_FOR_ALL })
    const chat = await stage.chat()
    const { ann, marks } = chat
    for (const caller of CALLERS) {
      const userID = stage.userOf(caller, chat)
      const token = await stage.tokenOf(caller, chat)
      const isParty = caller === 'self' || caller === 'peer'
      // Message 1 is Ann's.
      const onDelete = caller === 'nobody' ? MISSING : caller === 'self' ? ofOwn : isParty ? ofOther : ABSENT
      const onClear = caller === 'nobody' ? MISSING : isParty ? clear : 'leftOut'
      const deletion = { conversationID: chat.chat, seqs: [1], userID, deleteSyncOpt }
      const options = { shown: [], marks, isRead: false }
      await stage.judge(t, `${DELETE_FOR_ALL}: delete by ${caller}`, onDelete, options, () =>
        stage.post('/msg/delete_msgs', deletion, token),
      )
      const clearing = { conversationIDs: [chat.chat], userID, deleteSyncOpt }
      await stage.judge(t, `${DELETE_FOR_ALL}: clear by ${caller}`, onClear, options, () =>
        stage.post('/msg/clear_conversation_msg', clearing, token),
      )
      const all = { userID, deleteSyncOpt }
      await stage.judge(t, `${DELETE_FOR_ALL}: clear all by ${caller}`, onClear, options, () =>
        stage.post('/msg/user_clear_all_msg', all, token),
      )
    }
    const admin = await stage.tokenOf('admin', chat)
    const body = { conversationIDs: [chat.chat], userID: ann, deleteSyncOpt }
    t.equal((await stage.post('/msg/clear_conversation_msg', body, admin)).errCode, 0, 'administrators may')
  }
})
