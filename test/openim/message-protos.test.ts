/** Messages against bytes written by hand from upstream's field numbers: a wrong number in a .proto shows here. */
import t from 'tap'
import { ConversationReq, GetAllConversationsResp } from '../../src/openim/proto/conversations.js'
import { JsSdkGetConversationsResp } from '../../src/openim/proto/jssdk.js'
import {
  ConversationSeqs,
  MsgData,
  PullMessageBySeqsReq,
  PullOrder,
  PushMessages,
  SendMsgResp,
} from '../../src/openim/proto/messages.js'

/** Bytes from lines of hex, blanks ignored. */
const bytes = (...lines: string[]) => Uint8Array.from(Buffer.from(lines.join('').replaceAll(' ', ''), 'hex'))
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const emptyMessage = () => MsgData.decode(bytes())

const fullMessage: MsgData = {
  sendID: 'u1',
  recvID: 'u2',
  groupID: 'g',
  clientMsgID: 'c1',
  serverMsgID: 's1',
  senderPlatformID: 5,
  senderNickname: 'Ann',
  senderFaceURL: 'f',
  sessionType: 1,
  msgFrom: 100,
  contentType: 101,
  content: bytes('7b7d'),
  seq: 300,
  sendTime: 1_700_000_000_000,
  createTime: 1_699_999_999_999,
  status: 2,
  isRead: true,
  options: { history: false, offlinePush: true },
  offlinePushInfo: { title: 't', desc: '', ex: '', iOSPushSound: '', iOSBadgeCount: true, signalInfo: '' },
  atUserIDList: ['u2', 'u3'],
  attachedInfo: '{}',
  ex: 'x',
}
const upToIsRead = [
  '0a 02 7531', // sendID = 1
  '12 02 7532', // recvID = 2
  '1a 01 67', // groupID = 3
  '22 02 6331', // clientMsgID = 4
  '2a 02 7331', // serverMsgID = 5
  '30 05', // senderPlatformID = 6
  '3a 03 416e6e', // senderNickname = 7
  '42 01 66', // senderFaceURL = 8
  '48 01', // sessionType = 9
  '50 64', // msgFrom = 10
  '58 65', // contentType = 11
  '62 02 7b7d', // content = 12
  '70 ac02', // seq = 14
  '78 80d095ffbc31', // sendTime = 15
  '8001 ffcf95ffbc31', // createTime = 16
  '8801 02', // status = 17
  '9001 01', // isRead = 18
]
const offlinePush = '9a01 0f 0a 0b 6f66666c696e6550757368 10 01' // options = 19
const afterOptions = [
  'a201 05 0a 01 74 28 01', // offlinePushInfo = 20
  'aa01 02 7532', // atUserIDList = 21
  'aa01 02 7533',
  'b201 02 7b7d', // attachedInfo = 22
  'ba01 01 78', // ex = 23
]

t.test('a message with every field has the bytes of upstream', async (t) => {
  const golden = bytes(...upToIsRead, '9a01 09 0a 07 686973746f7279', offlinePush, ...afterOptions)
  t.equal(hex(MsgData.encode(fullMessage).finish()), hex(golden))
  t.same(MsgData.decode(golden), fullMessage)
})

t.test('an option that is written out as false, as Go does, is false', async (t) => {
  const golden = bytes(...upToIsRead, '9a01 0b 0a 07 686973746f7279 10 00', offlinePush, ...afterOptions)
  t.same(MsgData.decode(golden), fullMessage)
})

t.test('fields that only the JS SDK sends are skipped', async (t) => {
  const message = MsgData.decode(bytes('c002 01', 'ca02 02 7532', 'ba01 01 78'))
  t.same(message, { ...emptyMessage(), ex: 'x' })
})

t.test('a seq that a number cannot hold is refused', async (t) => {
  t.throws(() => MsgData.decode(bytes('70 8080808080808010')), /MAX_SAFE_INTEGER/)
})

t.test('the reply of a send has the changed message as field 4', async (t) => {
  const reply = { serverMsgID: 's1', clientMsgID: 'c1', sendTime: 1, modify: { ...emptyMessage(), ex: 'x' } }
  const golden = bytes('0a 02 7331', '12 02 6331', '18 01', '22 04 ba01 01 78')
  t.equal(hex(SendMsgResp.encode(reply).finish()), hex(golden))
  t.same(SendMsgResp.decode(golden), reply)
})

t.test('a push maps conversation ids to messages, notifications apart', async (t) => {
  const message = { ...emptyMessage(), sendID: 'a' }
  const push = {
    msgs: { si_a_b: { Msgs: [message], isEnd: false, endSeq: 7 } },
    notificationMsgs: { n_a_b: { Msgs: [], isEnd: true, endSeq: 0 } },
  }
  const golden = bytes(
    '0a 11 0a 06 73695f615f62 12 07 0a 03 0a 01 61 18 07',
    '12 0b 0a 05 6e5f615f62 12 02 10 01',
  )
  t.equal(hex(PushMessages.encode(push).finish()), hex(golden))
  t.same(PushMessages.decode(golden), push)
})

t.test('pulls name ranges, or seqs from field 2 on, packed or not', async (t) => {
  const pull = {
    userID: 'u1',
    seqRanges: [{ conversationID: 'c', begin: 1, end: 300, num: 10 }],
    order: PullOrder.PullOrderDesc,
  }
  const golden = bytes('0a 02 7531', '12 0a 0a 01 63 10 01 18 ac02 20 0a', '18 01')
  t.equal(hex(PullMessageBySeqsReq.encode(pull).finish()), hex(golden))
  t.same(PullMessageBySeqsReq.decode(golden), pull)

  const seqs = { conversationID: 'c', seqs: [1, 300] }
  t.equal(hex(ConversationSeqs.encode(seqs).finish()), hex(bytes('12 01 63', '1a 03 01 ac02')))
  t.same(ConversationSeqs.decode(bytes('12 01 63', '1a 03 01 ac02')), seqs)
  t.same(ConversationSeqs.decode(bytes('12 01 63', '18 01 18 ac02')), seqs)
})

t.test('a setting that is set to zero differs from one that is absent', async (t) => {
  const change = ConversationReq.decode(bytes('2a 00', '32 02 08 01'))
  t.same(change.recvMsgOpt, { value: 0 })
  t.same(change.isPinned, { value: true })
  t.equal(change.ex, undefined)
  t.equal(hex(ConversationReq.encode(change).finish()), hex(bytes('2a 00', '32 02 08 01')))
})

t.test('conversations are field 2 of lists, and field 1 of what the JS SDK reads', async (t) => {
  const [conversation] = GetAllConversationsResp.decode(bytes('12 06 12 01 63 8801 01')).conversations
  t.equal(conversation?.conversationID, 'c')
  t.equal(conversation?.isMsgDestruct, true)

  const golden = bytes('08 02', '12 11 0a 03 12 01 63 12 04 ba01 01 78 2a 00 30 09 38 07')
  const reply = JsSdkGetConversationsResp.decode(golden)
  t.equal(reply.unreadCount, 2)
  t.match(reply.conversations, [
    { conversation: { conversationID: 'c' }, lastMsg: { ex: 'x' }, group: {}, maxSeq: 9, readSeq: 7 },
  ])
  t.equal(reply.conversations[0]?.user, undefined)
  t.equal(hex(JsSdkGetConversationsResp.encode(reply).finish()), hex(golden))
})
