import t from 'tap'
import { WireCode } from '../../../src/openim/codes.js'
import { Platform } from '../../../src/openim/platforms.js'
import type { FaultRecord, HistoryEvent } from '../history.js'
import { checkMessages, type MessageBounds, type MessageRule } from './checker.js'

const EPOCH_MS = Date.UTC(2026, 0)
const BOUNDS: MessageBounds = {
  quickMs: 1_000,
  harmlessMs: 5_000,
  recoveryMs: 8_000,
  clockMs: 1_000,
  epochMs: EPOCH_MS,
}
const END_MS = 100_000
const CHAT = 'si_ann_bob'

/** Ann and Bob are connected, to two nodes, and have read that there is nothing. */
const START: HistoryEvent[] = [
  ...['ann', 'bob'].flatMap((userId, index): HistoryEvent[] => [
    { kind: 'knocked', atMs: 0, socket: index + 1, node: index, userId, platformId: Platform.Android },
    { kind: 'entered', atMs: 1, socket: index + 1 },
    { kind: 'read', atMs: 10, socket: index + 1, maxSeqs: {} },
  ]),
]
const ANN = 1
const BOB = 2

const sending = (atMs: number, message = 'ann:1', socket = ANN): HistoryEvent => ({
  kind: 'sending',
  atMs,
  socket,
  message,
  conversationId: CHAT,
})

const numbered = (seq: number, sentAtMs: number, message = `ann:${seq}`) => ({
  conversationId: CHAT,
  seq,
  message,
  sentMs: EPOCH_MS + sentAtMs,
})

const stored = (atMs: number, seq = 1, sentAtMs = atMs, message = `ann:${seq}`): HistoryEvent => ({
  kind: 'stored',
  atMs,
  ...numbered(seq, sentAtMs, message),
})

const acknowledged = (atMs: number, sentAtMs: number, message = 'ann:1'): HistoryEvent => ({
  kind: 'acknowledged',
  atMs,
  socket: ANN,
  message,
  sentMs: EPOCH_MS + sentAtMs,
})

const refused = (atMs: number, errCode: number, detail: string): HistoryEvent => ({
  kind: 'refused',
  atMs,
  socket: ANN,
  message: 'ann:1',
  errCode,
  detail,
})

const pushed = (atMs: number, socket: number, seq = 1, sentAtMs = 2_000): HistoryEvent => ({
  kind: 'pushed',
  atMs,
  socket,
  ...numbered(seq, sentAtMs),
})

const left = (atMs: number, socket: number, isPutOut = false): HistoryEvent => ({
  kind: 'left',
  atMs,
  socket,
  hasGrace: true,
  isPutOut,
})

function fault(name: string, fromMs: number, toMs: number, node?: number): FaultRecord {
  return { name, node, fromMs, toMs, settleMs: 2_000 }
}

function broken(events: HistoryEvent[], faults: FaultRecord[] = []): MessageRule[] {
  const all = [...START, ...events].sort((one, other) => one.atMs - other.atMs)
  const violations = checkMessages({ events: all, faults, endMs: END_MS }, BOUNDS)
  return [...new Set(violations.map(({ rule }) => rule))].sort()
}

/** A message as it should be. */
const GOOD = {
  sending: sending(2_000),
  stored: stored(2_010, 1, 2_000),
  acknowledged: acknowledged(2_020, 2_000),
  own: pushed(2_021, ANN),
  pushed: pushed(2_030, BOB),
}

const but = (changed: Partial<Record<keyof typeof GOOD, HistoryEvent[]>>): HistoryEvent[] =>
  (Object.keys(GOOD) as (keyof typeof GOOD)[]).flatMap((name) => changed[name] ?? [GOOD[name]])

t.test('a history in which all comes in time breaks no rule', async (t) => {
  t.same(broken([]), [])
  t.same(broken(but({})), [])
})

t.test('what was acknowledged is stored before, once, as it was acknowledged', async (t) => {
  t.same(broken(but({ stored: [], own: [], pushed: [] })), ['stored once'])
  t.same(broken(but({ acknowledged: [acknowledged(2_005, 2_000)] })), ['stored once'])
  t.same(broken(but({ acknowledged: [acknowledged(2_020, 2_001)] })), ['stored once'])
  const again = [GOOD.stored, stored(2_011, 2, 2_001, 'ann:1')]
  t.ok(broken(but({ stored: again })).includes('stored once'), 'twice')
  t.ok(broken([stored(2_010)]).includes('stored once'), 'nobody had sent it')
})

t.test('numbers have no hole and come once', async (t) => {
  t.ok(broken(but({ stored: [stored(2_010, 2, 2_000, 'ann:1')] })).includes('numbers'))
  const twice = [GOOD.stored, stored(2_011, 1, 2_001, 'bob:1')]
  t.ok(broken(but({ stored: twice })).includes('numbers'))
  const headed: HistoryEvent = { kind: 'headed', atMs: 2_010, conversationId: CHAT, maxSeq: 2 }
  t.same(broken([...but({}), headed]), ['numbers'], 'the head counts what is not there')
  t.same(broken([...but({}), { ...headed, maxSeq: 1 }]), [])
})

t.test('times rise, and are true', async (t) => {
  const second = [
    sending(3_000, 'ann:2'),
    acknowledged(3_020, 2_000, 'ann:2'),
    stored(3_010, 2, 2_000),
    pushed(3_030, ANN, 2),
    pushed(3_030, BOB, 2),
  ]
  t.same(broken([...but({}), ...second]), ['time'])
  const at = (sentAtMs: number) =>
    but({
      stored: [stored(2_010, 1, sentAtMs)],
      acknowledged: [acknowledged(2_020, sentAtMs)],
      own: [pushed(2_021, ANN, 1, sentAtMs)],
      pushed: [pushed(2_030, BOB, 1, sentAtMs)],
    })
  t.same(broken(at(900)), ['time'], 'before it was sent')
  t.same(broken(at(3_200)), ['time'], 'after its commit')
  t.same(broken(at(1_100)), [], 'within a second')
})

t.test('who sends is answered, not refused for good, and told at last', async (t) => {
  t.same(broken(but({ acknowledged: [] })), ['acknowledged'])
  const late = but({ acknowledged: [acknowledged(3_500, 2_000)], own: [pushed(3_501, ANN)] })
  t.same(broken(late), ['acknowledged', 'heard'], 'late')
  t.same(broken(late, [fault('dbCut', 1_500, 2_500)]), [], 'but for a fault')
  const away = refused(2_020, WireCode.DatabaseError, 'the database is out of reach; send it again')
  t.same(broken([...but({ acknowledged: [] }), away]), ['acknowledged'], 'it never is')
  const again = [away, sending(2_500), acknowledged(2_510, 2_000)]
  t.same(broken([...but({ acknowledged: [] }), ...again]), [], 'a refusal and a repeat are right')
  const forGood = refused(2_020, WireCode.ServerInternalError, 'the message could not be stored')
  t.same(broken([...but({}), forGood]), ['acknowledged'])
  t.same(broken([...but({}), refused(2_020, WireCode.ArgsError, 'recvID')]), ['acknowledged'])
})

t.test('who reads a range gets all of it', async (t) => {
  const pulled = (to: number, ...messages: ReturnType<typeof numbered>[]): HistoryEvent => ({
    kind: 'pulled',
    atMs: 5_000,
    socket: BOB,
    conversationId: CHAT,
    from: 1,
    to,
    messages,
  })
  t.same(broken([...but({}), pulled(1, numbered(1, 2_000))]), [])
  t.same(broken([...but({}), pulled(1)]), ['readable'])
  t.same(broken([...but({}), pulled(1, numbered(1, 2_000, 'ann:2'))]), ['readable'])
  t.same(broken([...but({}), pulled(2, numbered(1, 2_000), numbered(2, 2_100))]), ['readable'])
})

t.test('a socket gets each message once, in order, as it is stored', async (t) => {
  t.same(broken(but({ pushed: [GOOD.pushed, pushed(2_040, BOB)] })), ['pushed once'])
  t.same(broken(but({ pushed: [pushed(2_005, BOB)] })), ['pushed once'], 'before it is stored')
  t.same(broken(but({ pushed: [pushed(2_030, BOB, 1, 2_001)] })), ['pushed once'], 'with another time')
  const second = [sending(2_000, 'ann:2'), stored(2_010, 2, 2_001), acknowledged(2_020, 2_001, 'ann:2')]
  const both = (...order: HistoryEvent[]) => [
    ...but({ pushed: order }),
    ...second,
    pushed(2_022, ANN, 2, 2_001),
  ]
  t.same(broken(both(GOOD.pushed, pushed(2_031, BOB, 2, 2_001))), [])
  t.same(broken(both(pushed(2_029, BOB, 2, 2_001), GOOD.pushed)), ['pushed once'])
})

t.test('a socket gets nothing of others, and nothing old', async (t) => {
  const comes = (userId: string, atMs: number): HistoryEvent => ({
    kind: 'knocked',
    atMs,
    socket: 3,
    node: 0,
    userId,
    platformId: Platform.Web,
  })
  t.same(broken([...but({}), comes('cid', 0), pushed(2_030, 3)]), ['pushed once'])
  t.same(broken([...but({}), comes('bob', 20_000), pushed(20_100, 3)]), [])
  t.same(broken([...but({}), comes('bob', 40_000), pushed(40_100, 3)]), ['pushed once'])
})

t.test('what is beyond what a socket was told is pushed to it in time', async (t) => {
  t.same(broken(but({ pushed: [] })), ['heard'])
  t.same(broken(but({ pushed: [pushed(3_100, BOB)] })), ['heard'], 'late')
  t.same(broken(but({ pushed: [pushed(3_100, BOB)] }), [fault('reorder', 2_000, 2_050)]), [])
  t.same(broken([...but({ pushed: [] }), left(2_500, BOB)]), [], 'or the socket is gone')
  const told: HistoryEvent = { kind: 'read', atMs: 5, socket: BOB, maxSeqs: { [CHAT]: 1 } }
  t.same(broken([...but({ pushed: [] }), told]), [], 'or the client had read it')
  const away = fault('partition', 1_000, 9_000, 1)
  t.same(broken(but({ pushed: [] }), [away]), [], 'or its node had lost its lease')
  t.same(broken(but({ pushed: [] }), [{ ...away, node: 0 }]), ['heard'], 'not another node')
})

t.test('a sender gets the message after the answer', async (t) => {
  t.same(broken(but({ own: [pushed(2_020, ANN)] })), ['answer first'])
  const repeat = but({ sending: [GOOD.sending, sending(2_005)], own: [pushed(2_015, ANN)] })
  t.same(broken(repeat), [], 'of a repeat it may have come before')
})

t.test('a revoke and its notice are one commit, each once', async (t) => {
  const place = { conversationId: CHAT, seq: 1 }
  const change = (atMs: number): HistoryEvent => ({ kind: 'revoked', atMs, ...place })
  const done: HistoryEvent = { kind: 'revokeDone', atMs: 4_010, socket: ANN, ...place }
  const notice = (atMs: number, seq: number): HistoryEvent[] => {
    const told = { conversationId: 'n_ann_bob', seq, message: `ann:notice${seq}`, sentMs: EPOCH_MS + atMs }
    return [
      { kind: 'stored', atMs, revokes: place, ...told },
      { kind: 'pushed', atMs: atMs + 10, socket: ANN, ...told },
      { kind: 'pushed', atMs: atMs + 10, socket: BOB, ...told },
    ]
  }
  t.same(broken([...but({}), change(4_000), ...notice(4_000, 1), done]), [])
  t.same(broken([...but({}), change(4_000)]), ['change and notice'], 'nobody is told')
  t.same(broken([...but({}), ...notice(4_000, 1)]), ['change and notice'], 'nothing is changed')
  t.same(broken([...but({}), change(4_000), ...notice(4_100, 1)]), ['change and notice'], 'in two commits')
  const twice = [...notice(4_000, 1), ...notice(4_100, 2)]
  t.same(broken([...but({}), change(4_000), ...twice]), ['change and notice'])
  t.same(broken([...but({}), done]), ['change and notice'], 'answered, and not done')
})

t.test('a socket that its node closes for nothing is a false end', async (t) => {
  t.same(broken([...but({}), left(20_000, BOB, true)]), ['no false end'])
  t.same(broken([...but({}), left(20_000, BOB, true)], [fault('ioDeath', 19_000, 20_000, 1)]), [])
})
