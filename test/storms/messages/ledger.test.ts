/** The ledger sees each way in which a store, or its pushes, can be wrong. */
import t from 'tap'
import { type Clause, type Copy, Ledger, type Reading, Session } from './ledger.js'

const CHAT = 'si_ann_bob'

const copy = (seq: number, fields: Partial<Copy> = {}): Copy => ({
  clientMsgId: `m${seq}`,
  serverMsgId: `s${seq}`,
  sender: 'ann',
  seq,
  sendTimeMs: 1_000 + seq,
  ...fields,
})

const reading = (copies: Copy[], fields: Partial<Reading> = {}): Reading => ({
  conversationId: CHAT,
  reader: 'ann',
  maxSeq: copies.at(-1)?.seq ?? 0,
  copies,
  ...fields,
})

const ALL = [copy(1), copy(2), copy(3)]

/** Three messages that were sent and answered, and a receiver who was there before the first. */
function storm({ pushes = ALL, baseSeq = 0, isOpen = true }: Partial<Session> = {}): Ledger {
  const ledger = new Ledger()
  for (const { clientMsgId, sender } of ALL) ledger.send(CHAT, sender, clientMsgId)
  for (const { clientMsgId, serverMsgId, sendTimeMs } of ALL)
    ledger.answer(clientMsgId, { serverMsgId, sendTimeMs })
  const session = new Session('bob', CHAT)
  session.pushes.push(...pushes)
  session.baseSeq = baseSeq
  session.isOpen = isOpen
  ledger.sessions.push(session)
  return ledger
}

const clausesOf = (ledger: Ledger, ...readings: Reading[]): Clause[] => [
  ...new Set(ledger.problems(readings).map(({ clause }) => clause)),
]

t.test('nothing is wrong when both read what was answered, and it was pushed', async (t) => {
  t.same(clausesOf(storm(), reading(ALL), reading(ALL, { reader: 'bob' })), [])
  // Pushed before the first read, or not at all because it was stored before the login.
  t.same(clausesOf(storm({ baseSeq: 2 }), reading(ALL)), [])
  t.same(clausesOf(storm({ baseSeq: 2, pushes: [copy(3)] }), reading(ALL)), [])
  // A connection that broke missed what came later.
  t.same(clausesOf(storm({ pushes: [copy(1)], isOpen: false }), reading(ALL)), [])
})

t.test('it sees', async (t) => {
  const sees = (clause: Clause, ledger: Ledger, ...readings: Reading[]) =>
    t.ok(clausesOf(ledger, ...readings).includes(clause), clause)
  const unanswered = storm()
  unanswered.send(CHAT, 'ann', 'm4')
  sees('unanswered', unanswered, reading(ALL))
  const other = storm()
  other.answer('m1', { serverMsgId: 's9', sendTimeMs: 1_001 })
  sees('answers differ', other, reading(ALL))
  sees('lost', storm(), reading([copy(1), copy(2)]))
  sees('changed', storm(), reading([copy(1), copy(2), copy(3, { sendTimeMs: 1_009 })]))
  sees('changed', storm(), reading([copy(1), copy(2), copy(3, { serverMsgId: 's9' })]))
  sees('doubled', storm(), reading([...ALL, copy(4, { clientMsgId: 'm1' })]))
  sees('hole', storm(), reading([copy(1), copy(3)]))
  sees('hole', storm(), reading(ALL, { maxSeq: 4 }))
  sees('time', storm(), reading([copy(1), copy(2, { sendTimeMs: 1_001 }), copy(3)]))
  sees('unsent', storm(), reading([...ALL, copy(4)]))
  sees('unsent', storm(), reading([copy(1), copy(2), copy(3, { sender: 'bob' })]))
  sees('readers differ', storm(), reading(ALL), reading([copy(1), copy(2)], { reader: 'bob', maxSeq: 3 }))
  sees('push of another', storm({ pushes: [copy(1), copy(2, { clientMsgId: 'm9' }), copy(3)] }), reading(ALL))
  sees('push of another', storm({ pushes: [...ALL, copy(4)] }), reading(ALL))
  sees('push order', storm({ pushes: [copy(1), copy(2), copy(2), copy(3)] }), reading(ALL))
  sees('push order', storm({ pushes: [copy(2), copy(1), copy(3)], baseSeq: 2 }), reading(ALL))
  sees('push missing', storm({ pushes: [copy(1), copy(3)] }), reading(ALL))
  sees('push missing', storm({ pushes: [copy(1), copy(2)] }), reading(ALL))
  sees('push missing', storm({ pushes: [copy(2), copy(3)] }), reading(ALL))
})
