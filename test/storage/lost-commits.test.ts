/** Commits whose answer is lost: the writer on a model of a database server. */
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { messageWriter, type WriterCounts } from '../../actors/storage/message-writer.js'
import { CommitUnknownError, RowRefusedError } from '../../src/errors/errors.js'
import { WireCode } from '../../src/openim/codes.js'
import { MESSAGE_WRITER } from '../../src/protocol/addresses.js'
import type * as Deliveries from '../../src/protocol/deliveries.js'
import type * as MessageSync from '../../src/protocol/message-sync.js'
import type * as MessageWriter from '../../src/protocol/message-writer.js'
import { bucketOfConversation, bucketOfUser } from '../../src/rules/messages/bucket.js'
import type { SendOutcome } from '../../src/rules/messages/types.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { outgoingOf } from '../../src/services/messages/outgoing.js'
import { put, scan } from '../../src/store/ports/steps.js'
import { messages, outbox, users } from '../../src/store/schema/tables.js'
import { textMessage } from '../messages/chat.js'
import { SETTINGS } from '../support/operation-settings.js'
import { type CommitFault, DatabaseModel, type Faults, type Refusal } from '../world/database.js'
import { pass } from '../world/time.js'

const CHAT = 'si_ann_bob'
const REGISTERED = { nickname: '', faceUrl: '', ex: '', createdMs: 0, level: 0, recvOpt: 0 }
/** The transaction is undone, and nobody is told. */
const undone = () => new CommitUnknownError('no answer to COMMIT')
const lost: CommitFault = { isAnswerLost: true }

/** A writer and what it tells; several may share a model. */
async function open(model = new DatabaseModel(), world = new World({ seed: 1 }), node = 0) {
  const faults: Faults = {}
  const database = model.connect(faults)
  const system = world.system(node)
  const heard = spawnProbe<Deliveries.Command>(system)
  const spread = spawnProbe<MessageSync.Command>(system)
  const counts: WriterCounts = {
    messagesSent: 0,
    messagesRefused: {},
    messagesRepeated: 0,
    messagesExpired: 0,
    destructs: 0,
    commitsLost: { found: 0, repeated: 0, unknown: 0 },
    committed: () => {},
    housekept: () => {},
  }
  const clean = model.connect()
  await clean.write(() =>
    put(
      users,
      ['ann', 'bob'].map((userId) => ({ bucket: bucketOfUser(userId), userId, ...REGISTERED })),
    ),
  )
  let ids = 0
  const writer = system.spawn(
    messageWriter,
    {
      database,
      deliveries: [heard.ref],
      messageSync: spread.ref,
      marksCommits: true,
      retentionDays: 0,
      settings: SETTINGS,
      wallMs: () => 1_000_000 + world.nowMs,
      newId: () => `${node}-${++ids}`,
      counts,
    },
    MESSAGE_WRITER,
  )
  const outgoing = (clientMsgID: string) =>
    outgoingOf(textMessage('ann', 'bob', clientMsgID, { clientMsgID }))
  const send = (clientMsgID: string) =>
    system.ask<MessageWriter.Command, 'send'>(
      writer,
      { kind: 'send', message: outgoing(clientMsgID), operationId: clientMsgID },
      8_000,
    )
  return {
    model,
    world,
    faults,
    counts,
    send,
    revoke: (seq: number) =>
      system.ask<MessageWriter.Command, 'call'>(
        writer,
        {
          kind: 'call',
          operation: 'revokeMessage',
          userId: 'ann',
          isAdmin: false,
          operationId: 'revoke',
          input: JSON.stringify({ conversationID: CHAT, seq, userID: 'ann' }),
        },
        8_000,
      ),
    stored: () => clean.read(() => scan(messages, [bucketOfConversation(CHAT), CHAT])),
    orders: () => clean.read(() => scan(outbox, [])),
    pushed: () => heard.heard.flatMap((message) => (message.kind === 'deliver' ? message.deliveries : [])),
  }
}

/** Time goes on until it has an outcome. */
async function settled<T>(world: World, promise: Promise<T>): Promise<T> {
  let isSettled = false
  const ended = () => {
    isSettled = true
  }
  promise.then(ended, ended)
  for (let ms = 0; !isSettled && ms < 60_000; ms += 10) {
    for (let turns = 0; turns < 5; turns++) await turn()
    world.advance(10)
  }
  return promise
}

/** The commits of a writer go wrong in this order. */
function failing(faults: Faults, ...refusals: (Refusal | CommitFault | undefined)[]): void {
  faults.onCommit = () => refusals.shift()
}

const seqsOf = (all: readonly { seq: number }[]) => all.map(({ seq }) => seq)

t.test('a commit that was done is found, and answered and pushed as if nothing had been', async (t) => {
  const { world, faults, counts, send, stored, pushed, orders } = await open()
  failing(faults, lost)
  t.match(await settled(world, send('one')), { kind: 'sent', isNew: true })
  t.match(await settled(world, send('two')), { kind: 'sent', isNew: true })
  t.same(
    (await stored()).map(({ seq }) => seq),
    [1, 2],
  )
  t.same(
    pushed().map(({ seq }) => seq),
    [1, 2],
  )
  t.same(counts.commitsLost, { found: 1, repeated: 0, unknown: 0 })
  t.equal((await orders()).length, 2, 'the order to tell other nodes is there')
})

t.test('a commit that was not done is done again', async (t) => {
  const { world, faults, counts, send, stored, pushed } = await open()
  failing(faults, undone(), undone())
  t.match(await settled(world, send('one')), { kind: 'sent', isNew: true })
  t.same(seqsOf(await stored()), [1])
  t.same(seqsOf(pushed()), [1])
  t.same(counts.commitsLost, { found: 0, repeated: 1, unknown: 0 })
})

t.test('a commit that is still under way is waited for, and then found', async (t) => {
  const { world, faults, counts, send, stored, pushed } = await open()
  let finish = () => {}
  failing(faults, { isAnswerLost: true, until: new Promise<void>((resolve) => (finish = resolve)) })
  const sending = send('one')
  await pass(world, 2_000)
  t.same(await stored(), [])
  t.equal(pushed().length, 0)
  finish()
  t.match(await settled(world, sending), { kind: 'sent', isNew: true })
  t.same(seqsOf(await stored()), [1])
  t.same(seqsOf(pushed()), [1])
  t.same(counts.commitsLost, { found: 1, repeated: 0, unknown: 0 })
})

t.test('a commit that ends when time is nearly up is found by one more look', async (t) => {
  const { world, faults, counts, send, stored } = await open()
  let finish = () => {}
  failing(faults, { isAnswerLost: true, until: new Promise<void>((resolve) => (finish = resolve)) })
  const sending = send('one')
  await pass(world, 5_960)
  finish()
  t.match(await settled(world, sending), { kind: 'sent', isNew: true })
  t.same(seqsOf(await stored()), [1])
  t.same(counts.commitsLost, { found: 1, repeated: 0, unknown: 0 })
})

t.test('what cannot be looked up in time is refused, and found when it is sent again', async (t) => {
  const { world, faults, counts, send, stored, pushed } = await open()
  failing(faults, lost)
  let isAway = false
  faults.onStep = () => (isAway ? 'unavailable' : undefined)
  const onCommit = faults.onCommit!
  faults.onCommit = () => {
    isAway = true
    return onCommit()
  }
  const sinceMs = world.nowMs
  t.match(await settled(world, send('one')), { kind: 'refused', errCode: WireCode.DatabaseError })
  t.ok(world.nowMs - sinceMs < 8_000, `${world.nowMs - sinceMs} ms`)
  t.same(counts.commitsLost, { found: 0, repeated: 0, unknown: 1 })
  isAway = false
  delete faults.onCommit
  t.match(await settled(world, send('one')), { kind: 'sent', isNew: false })
  t.equal((await stored()).length, 1)
  // The janitor tells it, of whichever node; receivers drop repeats.
  t.equal(pushed().length, 0)
  await pass(world, 20_000)
  t.same([...new Set(pushed().map(({ seq }) => seq))], [1])
})

t.test('a message that the database does not take fails alone', async (t) => {
  const { world, faults, send, stored } = await open()
  faults.onStep = (step) => {
    const isPoison =
      step.kind === 'insert' &&
      step.rows.some(({ body }) => Buffer.from((body as Uint8Array) ?? '').includes('poison'))
    return isPoison ? new RowRefusedError('Data too long') : undefined
  }
  const names = ['a', 'b', 'c', 'poison', 'd', 'e']
  const outcomes = await settled(world, Promise.all(names.map(send)))
  t.same(
    outcomes.map((outcome) => (outcome.kind === 'sent' ? 'sent' : outcome.errCode)),
    ['sent', 'sent', 'sent', 500, 'sent', 'sent'],
  )
  t.same(
    (await stored()).map(({ seq }) => seq),
    [1, 2, 3, 4, 5],
  )
})

t.test('rows of commits that nobody is to be told of are removed', async (t) => {
  const { world, send, orders } = await open()
  t.match(await settled(world, send('one')), { isNew: true })
  t.match(await settled(world, send('one')), { isNew: false })
  t.equal((await orders()).length, 2)
  await pass(world, 2_000)
  t.same(
    (await orders()).map(({ ranges }) => ranges),
    [JSON.stringify([[CHAT, 1, 1]])],
  )
})

t.test('a call is carried out once, whatever became of its commits', async (t) => {
  const { world, faults, counts, send, revoke, pushed } = await open()
  t.match(await settled(world, send('one')), { kind: 'sent' })
  failing(faults, undone(), lost)
  t.match(await settled(world, revoke(1)), { ok: true })
  t.same(counts.commitsLost, { found: 1, repeated: 0, unknown: 0 })
  const notices = pushed().filter(({ conversationId }) => conversationId === 'n_ann_bob')
  t.same(
    notices.map(({ seq }) => seq),
    [1],
  )
  // What is refused is no failure.
  t.match(await settled(world, revoke(1)), { ok: false })
})

/** What may go wrong with one commit. */
const fault = fc.constantFrom<(() => Refusal | CommitFault) | undefined>(
  undefined,
  () => lost,
  undone,
  () => 'conflict',
  () => 'unavailable',
  () => ({ isAnswerLost: true, until: turns(40) }),
  () => ({ until: turns(20) }),
)

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn()
}

t.test('whatever happens to commits of two nodes, a message is stored and pushed once', async (t) => {
  const drawn = fc.record({
    a: fc.array(fault, { maxLength: 12 }),
    b: fc.array(fault, { maxLength: 12 }),
    names: fc.array(fc.constantFrom('1', '2', '3', '4', '5', '6', '7'), { minLength: 1, maxLength: 10 }),
  })
  const property = fc.asyncProperty(drawn, async ({ a, b, names }) => {
    const model = new DatabaseModel()
    const world = new World({ seed: 1 })
    const nodes = [await open(model, world, 0), await open(model, world, 1)] as const
    nodes[0].faults.onCommit = () => a.shift()?.()
    nodes[1].faults.onCommit = () => b.shift()?.()
    // As clients do: what was refused is sent again, to whichever node.
    const sendUntilSent = async (name: string, at: number): Promise<SendOutcome> => {
      for (let attempt = at; ; attempt++) {
        const outcome = await nodes[attempt % 2]!.send(name)
        if (outcome.kind === 'sent') return outcome
      }
    }
    const outcomes = await settled(world, Promise.all(names.map(sendUntilSent)))
    const rows = await nodes[0].stored()
    const unlike = new Set(names)
    if (rows.length !== unlike.size) throw new Error(`${rows.length} rows of ${unlike.size} messages`)
    if (rows.some(({ seq }, index) => seq !== index + 1)) throw new Error('a hole')
    for (const [index, name] of names.entries()) {
      const twin = outcomes[names.indexOf(name)]!
      const outcome = outcomes[index]!
      if (outcome.kind !== 'sent' || twin.kind !== 'sent' || outcome.serverMsgId !== twin.serverMsgId)
        throw new Error(`${name} has two answers`)
    }
    // Those whose sender gave up are told by the janitor, of either node.
    await pass(world, 30_000)
    const pushed = new Set(nodes.flatMap((node) => node.pushed().map(({ seq }) => seq)))
    if (pushed.size !== unlike.size) throw new Error(`${pushed.size} pushed of ${unlike.size}`)
  })
  await fc.assert(property, { numRuns: 60 })
  t.pass()
})
