/**
 * Numbers of messages, as a property: whatever batches come, on a real database.
 *
 * The people are few and their IDs are chosen so that two pairs spell one name (`a` and `b_c`, `a_b` and `c`). Bob does
 * not want messages, `b_c` has blocked `a`, and nobody of the name `ghost` is registered.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { ContentType, MessageStatus, type Options } from '../../src/openim/content-types.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import { bucketOfUser } from '../../src/rules/messages/bucket.js'
import type { Delivery, OutgoingMessage, SendOutcome } from '../../src/rules/messages/types.js'
import { RecvOpt } from '../../src/services/conversations/records.js'
import { outgoingFrom, outgoingOf } from '../../src/services/messages/outgoing.js'
import { type Sent, sendAll } from '../../src/services/messages/send.js'
import type { Operation, RowOf } from '../../src/store/ports/database.js'
import { findOne, put } from '../../src/store/ports/steps.js'
import { blacks, messages, records, TABLES, users } from '../../src/store/schema/tables.js'
import { SqliteDatabase } from '../../src/store/sql/sqlite/sqlite-database.js'
import { textMessage } from './chat.js'
import { type Dump, dumpOf } from './dump.js'

const BOB = 'bob'
const GHOST = 'ghost'
const BLOCKED = { sender: 'a', receiver: 'b_c' }
const SENDERS = ['a', 'a_b', 'b_c', 'c', BOB] as const
const RECEIVERS = [...SENDERS, GHOST] as const
/** Long before now, so that a clock that goes back is part of it. */
const FIRST_MS = 1_700_000_000_000

const KINDS = {
  chat: {},
  onlineOnly: { options: { history: false, persistent: false } },
  typing: { contentType: ContentType.Typing },
  /** Stored among the notifications of the two. */
  notification: { contentType: ContentType.Revoked, options: { isNotNotification: false } satisfies Options },
  /** Listed by the receiver alone. */
  ofAccount: { contentType: ContentType.AccountNotification, sessionType: 4 },
} satisfies Record<string, Partial<MsgData>>

interface Plan {
  from: (typeof SENDERS)[number]
  to: (typeof RECEIVERS)[number]
  kind: keyof typeof KINDS
  /** Few, so that they come again, in one batch and in several. */
  id: number
}

const plans: fc.Arbitrary<Plan> = fc.record({
  from: fc.constantFrom(...SENDERS),
  to: fc.constantFrom(...RECEIVERS),
  kind: fc.constantFrom(...(Object.keys(KINDS) as Plan['kind'][]), 'chat' as const, 'chat' as const),
  id: fc.nat({ max: 4 }),
})
const batches = fc.array(
  fc.record({ nowMs: fc.nat({ max: 20 }), plans: fc.array(plans, { minLength: 1, maxLength: 12 }) }),
  { minLength: 1, maxLength: 8 },
)

function outgoing({ from, to, kind, id }: Plan): OutgoingMessage {
  const message = textMessage(from, to, `${kind} ${id}`, { clientMsgID: `${kind}-${id}`, ...KINDS[kind] })
  if (kind === 'notification' || kind === 'ofAccount') return outgoingOf(message)
  const caller = { userId: from, isAdmin: false, operationId: 'o' }
  return outgoingFrom(message, MsgData.encode(message).finish(), caller, (given) => given)
}

async function openDatabase(): Promise<SqliteDatabase> {
  const database = SqliteDatabase.open({ path: ':memory:', readOnly: false })
  database.create(TABLES)
  await database.write(function* () {
    yield* put(
      users,
      SENDERS.map((userId) => ({
        bucket: bucketOfUser(userId),
        userId,
        nickname: '',
        faceUrl: '',
        ex: '',
        createdMs: 1,
        level: 0,
        recvOpt: userId === BOB ? RecvOpt.Refuse : RecvOpt.Receive,
      })),
    )
    const { sender, receiver } = BLOCKED
    yield* put(blacks, [
      { bucket: bucketOfUser(receiver), ownerId: receiver, userId: sender, createdMs: 1, ex: '' },
    ])
  })
  return database
}

/** Fails unless both have listed a chat by the time its messages are written. */
function* recordsFirst(sending: Operation<Sent>): Operation<Sent> {
  let next = sending.next()
  while (!next.done) {
    const step = next.value
    if (step.kind === 'insert' && step.table === messages) {
      for (const row of step.rows as RowOf<typeof messages>[]) {
        const { recvID } = MsgData.decode(row.body)
        if (row.conversationId.startsWith('n_')) continue
        const owners = row.conversationId.startsWith('sn_') ? [recvID] : [recvID, row.senderId]
        for (const owner of owners) {
          const record = yield* findOne(records, bucketOfUser(owner), owner, row.conversationId)
          assert.ok(record, `${owner} has no record of ${row.conversationId}`)
        }
      }
    }
    next = sending.next(yield step)
  }
  return next.value
}

/** What is known of the messages that came, told without the database. */
class Model {
  readonly stored = new Map<string, SendOutcome & { kind: 'sent' }>()
  readonly #parties = new Map<string, string>()
  readonly #maxSeqs = new Map<string, number>()

  /** Throws unless this is what becomes of the message. Returns the number of its delivery; undefined = there is none. */
  judge(message: OutgoingMessage, outcome: SendOutcome): number | undefined {
    const { conversationId, senderId, receiverId, clientMsgId, parties, isStored, isChat } = message
    const key = `${conversationId} ${senderId}:${clientMsgId}`
    const first = this.stored.get(key)
    if (first !== undefined) {
      assert.deepEqual(outcome, { ...first, isNew: false }, `${key} is answered as before`)
      return undefined
    }
    const names = `${parties.a} ${parties.b}`
    const isSingle = message.contentType !== ContentType.AccountNotification
    const refusedWith =
      isStored && (this.#parties.get(conversationId) ?? names) !== names
        ? WireCode.ArgsError
        : isChat && isSingle && senderId === BLOCKED.sender && receiverId === BLOCKED.receiver
          ? WireCode.BlockedByPeer
          : isChat && isSingle && receiverId === GHOST
            ? WireCode.RecordNotFoundError
            : undefined
    if (refusedWith !== undefined) {
      assert.equal(outcome.kind === 'refused' && outcome.errCode, refusedWith, key)
      return undefined
    }
    assert.equal(outcome.kind, 'sent', `${key}: ${JSON.stringify(outcome)}`)
    if (isChat && isSingle && receiverId === BOB) return undefined
    if (!isStored) return 0
    this.stored.set(key, outcome as SendOutcome & { kind: 'sent' })
    this.#parties.set(conversationId, names)
    const seq = (this.#maxSeqs.get(conversationId) ?? 0) + 1
    this.#maxSeqs.set(conversationId, seq)
    return seq
  }

  check({ messages: rows, conversations: heads }: Dump): void {
    assert.equal(rows!.length, this.stored.size, 'each is stored once')
    const last = new Map<string, { seq: number; sentMs: number }>()
    for (const row of rows as RowOf<typeof messages>[]) {
      const { conversationId, seq, sentMs, senderId } = row
      const before = last.get(conversationId) ?? { seq: 0, sentMs: 0 }
      assert.equal(seq, before.seq + 1, `${conversationId}: no holes`)
      assert.ok(sentMs > before.sentMs, `${conversationId}: times rise`)
      last.set(conversationId, { seq, sentMs })
      const message = MsgData.decode(row.body)
      const outcome = this.stored.get(`${conversationId} ${senderId}:${message.clientMsgID}`)
      assert.ok(outcome, 'nothing is stored that was not sent')
      const { serverMsgId, sentMs: answeredMs } = outcome
      const shown = { seq, sendTime: answeredMs, serverMsgID: serverMsgId, status: MessageStatus.Sent }
      const { sendTime, serverMsgID, status } = message
      assert.deepEqual(
        { seq: message.seq, sendTime, serverMsgID, status },
        shown,
        'it says what was answered',
      )
      assert.equal(sentMs, answeredMs)
      if (!conversationId.startsWith('si_')) continue
      const { a, aSeq, bSeq } = heads!.find((one) => one.conversationId === conversationId)!
      assert.ok(Number(senderId === a ? aSeq : bSeq) >= seq, 'who sends has read')
    }
    const maxSeqs = heads!.map(({ conversationId, maxSeq }) => [conversationId, maxSeq])
    assert.deepEqual(new Map(maxSeqs as [string, number][]), this.#maxSeqs, 'a head for each, and no other')
  }
}

/** A short name of all that a database holds. */
const digestOf = (dump: Dump) => createHash('sha256').update(JSON.stringify(dump)).digest('hex')

t.test('numbers have no holes, and the same message again is the same', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (all) => {
      const database = await openDatabase()
      const model = new Model()
      for (const { nowMs, plans } of all) {
        const sent = plans.map(outgoing)
        const sendings = sent.map((message, index) => ({ message, operationId: `op${index}` }))
        const send = (atMs: number): Promise<Sent> =>
          database.write(() => recordsFirst(sendAll(sendings, FIRST_MS + atMs)))
        const { outcomes, deliveries } = await send(nowMs)
        const expected: Pick<Delivery, 'conversationId' | 'seq' | 'operationId'>[] = []
        for (const [index, message] of sent.entries()) {
          const seq = model.judge(message, outcomes[index]!)
          const { conversationId } = message
          if (seq !== undefined) expected.push({ conversationId, seq, operationId: `op${index}` })
        }
        assert.deepEqual(
          deliveries.map(({ conversationId, seq, operationId }) => ({ conversationId, seq, operationId })),
          expected,
          'new messages are pushed in the order of their numbers',
        )
        const dump = await dumpOf(database)
        model.check(dump)

        const again = await send(nowMs + 1_000)
        assert.equal(digestOf(await dumpOf(database)), digestOf(dump), 'the same batch again changes nothing')
        assert.ok(again.deliveries.every(({ seq }) => seq === 0))
        for (const [index, message] of sent.entries()) model.judge(message, again.outcomes[index]!)
      }
      await database.close()
    }),
    { numRuns: 300 },
  )
})

t.test('a refused message does not keep the name of its conversation from another pair', async (t) => {
  const database = await openDatabase()
  const send = async (plan: Plan) => {
    const message = outgoing(plan)
    return (await database.write(() => sendAll([{ message, operationId: '' }], FIRST_MS))).outcomes[0]
  }
  const toBlocker: Plan = { from: 'a', to: 'b_c', kind: 'chat', id: 1 }
  t.match(await send(toBlocker), { kind: 'refused', errCode: WireCode.BlockedByPeer })
  t.match(await send({ from: 'a_b', to: 'c', kind: 'chat', id: 1 }), { kind: 'sent', isNew: true })
  t.match(await send({ from: 'b_c', to: 'a', kind: 'chat', id: 1 }), {
    kind: 'refused',
    errCode: WireCode.ArgsError,
  })
  await database.close()
})
