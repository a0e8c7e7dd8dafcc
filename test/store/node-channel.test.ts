import { Packr, pack, unpack } from 'msgpackr'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { encodeChange } from '../../src/protocol/node/changes.js'
import type { AnyNote, Note } from '../../src/protocol/node/notes.js'
import type { Snapshot } from '../../src/rules/types.js'
import { NodeReceiver, NodeSender, Outgoing, type Received } from '../../src/store/redis/node-channel.js'

const snapshot = (userId: string, version = 1_763_676_000_123_456): Snapshot => ({
  userId,
  version,
  claims: [{ platformId: Platform.Web, holder: 'a#1' }],
  foreign: [2],
})

/** What a receiver makes of a message of the one sender here. */
const received = (...notes: AnyNote[]) => ({ from: 'a#1', notes, leftOut: [] })
const changes = (...snapshots: Snapshot[]): AnyNote => ({ kind: 'changes', snapshots })

const evicted = (id: number): Note => ({ kind: 'evicted', id, userId: 'u', gone: 0, left: [] })

/** What is heard of a message that is understood. */
function hear(receiver: NodeReceiver, payload: Buffer): Received {
  const heard = receiver.receive(payload)
  if (typeof heard === 'number') throw new Error(`Not understood: version ${heard}.`)
  return heard
}

const snapshotsIn = ({ notes }: Received) =>
  notes.flatMap((note) => (note.kind === 'changes' ? note.snapshots : []))

/** A message about one user to each watcher. */
function tell(sender: NodeSender, userId: string, ...watchers: string[]) {
  const outgoing = new Outgoing('changes')
  outgoing.add(encodeChange(snapshot(userId)), watchers)
  return sender.messages(outgoing)
}

t.test('a change arrives as it was sent', async (t) => {
  const [message] = tell(new NodeSender('a#1'), 'u', 'b', '7')
  t.equal(message?.nodeId, 'b')
  t.same(hear(new NodeReceiver('b#7'), message!.payload), received(changes(snapshot('u'))))
})

t.test('all changes of a call go to a node in one message', async (t) => {
  const outgoing = new Outgoing('changes')
  outgoing.add(encodeChange(snapshot('u1')), ['b', '7', 'c', '9'])
  outgoing.add(encodeChange(snapshot('u2')), ['b', '7'])
  outgoing.add(encodeChange(snapshot('u3')), [])
  const messages = new NodeSender('a#1').messages(outgoing)
  t.same(
    messages.map((message) => message.nodeId),
    ['b', 'c'],
  )
  t.same(
    hear(new NodeReceiver('b#7'), messages[0]!.payload),
    received(changes(snapshot('u1'), snapshot('u2'))),
  )
})

t.test('what the script tells arrives as the store has it, and counts for nothing', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#7')
  t.notOk(hear(receiver, tell(sender, 'u1', 'b', '7')[0]!.payload).missed)
  const record = ['5@a#1', 1_763_677_800, 'v', 1_763_676_000_123_456]
  const told = pack([2, 'a#1', ['u2', record, ['5', '2'], 'u3', [...record, 'p', 1_763_676_030], ['2']]])
  t.same(hear(receiver, told), received(changes(snapshot('u2'), { ...snapshot('u3'), isPartial: true })))
  t.notOk(hear(receiver, tell(sender, 'u4', 'b', '7')[0]!.payload).missed)
})

t.test('a message of a later version is no error: it says its version, and leaves a gap', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#7')
  t.equal(receiver.receive(pack([3, 'a#1', []])), 3)
  const [first, second] = ['u1', 'u2'].map((user) => tell(sender, user, 'b', '7')[0]!.payload)
  t.equal(receiver.receive(pack({ ...(unpack(first!) as object), v: 4 })), 4)
  t.equal(hear(receiver, second!).missed, 'messages 1 to 1 of a#1 did not arrive')
  for (const version of ['3', 2.5, -1, null]) {
    t.throws(() => receiver.receive(pack([version, 'a#1', []])), /version 2/)
    t.throws(() => receiver.receive(pack({ ...(unpack(first!) as object), v: version })), /version 1/)
  }
})

t.test('a list of notes cannot bring what has a place of its own', async (t) => {
  const packr = new Packr({ useRecords: false })
  const notes = ['changes', 'records'].map((kind) => ({ kind, snapshots: [] }))
  const message = { v: 1, from: 'a#1', to: 'b#7', seq: 1, changes: [], notes }
  t.same(hear(new NodeReceiver('b#7'), packr.pack(message)), {
    ...received(),
    leftOut: ['unknown kind ""', 'unknown kind ""'],
  })
})

t.test('a message that is missing is noticed at the next one, once', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#7')
  const [first, , third, fourth] = ['u1', 'u2', 'u3', 'u4'].map((user) => tell(sender, user, 'b', '7')[0]!)
  t.notOk(hear(receiver, first!.payload).missed)
  const heard = hear(receiver, third!.payload)
  t.equal(heard.missed, 'messages 2 to 2 of a#1 did not arrive')
  t.equal(snapshotsIn(heard)[0]?.userId, 'u3', 'what did arrive counts all the same')
  t.notOk(hear(receiver, fourth!.payload).missed)
})

t.test('the first message of a sender has number 1, or others were lost before', async (t) => {
  const sender = new NodeSender('a#1')
  tell(sender, 'u1', 'b', '7')
  const [second] = tell(sender, 'u2', 'b', '7')
  t.match(hear(new NodeReceiver('b#7'), second!.payload).missed, 'messages 1 to 1')
})

t.test('a late or repeated message is no loss', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#7')
  const [first, second] = ['u1', 'u2'].map((user) => tell(sender, user, 'b', '7')[0]!)
  hear(receiver, first!.payload)
  hear(receiver, second!.payload)
  t.same(hear(receiver, first!.payload), received(changes(snapshot('u1'))))
})

t.test('incarnations on both sides are counted apart', async (t) => {
  const old = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#7')
  for (const user of ['u1', 'u2']) hear(receiver, tell(old, user, 'b', '7')[0]!.payload)
  t.notOk(
    hear(receiver, tell(new NodeSender('a#2'), 'u3', 'b', '7')[0]!.payload).missed,
    'a restarted sender',
  )
  t.notOk(hear(receiver, tell(old, 'u4', 'b', '7')[0]!.payload).missed, 'its last words')
  t.notOk(hear(new NodeReceiver('b#8'), tell(old, 'u5', 'b', '8')[0]!.payload).missed, 'a restarted receiver')
  t.same(tell(old, 'u6', 'b', '7'), [], 'whose earlier incarnation nobody is any more')
})

t.test('what was meant for an earlier incarnation is news, but counts for nothing', async (t) => {
  const sender = new NodeSender('a#1')
  tell(sender, 'u1', 'b', '7')
  const [second] = tell(sender, 'u2', 'b', '7')
  const [first] = tell(sender, 'u3', 'b', '8')
  const receiver = new NodeReceiver('b#8')
  t.same(hear(receiver, second!.payload), received(changes(snapshot('u2'))))
  t.same(hear(receiver, first!.payload), received(changes(snapshot('u3'))))
})

t.test('notes travel with the changes for the same node, and alone where there are none', async (t) => {
  const sender = new NodeSender('a#1')
  t.equal(sender.note('b#7', evicted(1)), true, 'somebody has to see to it')
  t.equal(sender.note('c#9', evicted(2)), false)
  t.equal(sender.note('b#7', evicted(3)), false)
  const messages = tell(sender, 'u', 'b', '7')
  t.same(
    messages.map(({ nodeId }) => nodeId),
    ['b', 'c'],
  )
  t.same(
    hear(new NodeReceiver('b#7'), messages[0]!.payload),
    received(evicted(1), evicted(3), changes(snapshot('u'))),
  )
  t.same(hear(new NodeReceiver('c#9'), messages[1]!.payload), received(evicted(2)))
  t.same(sender.messages(), [], 'and only once')
  t.equal(sender.note('b#7', evicted(4)), true)
})

t.test('messages with notes are counted as all others are', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#7')
  const say = (id: number) => {
    sender.note('b#7', evicted(id))
    return sender.messages()[0]!.payload
  }
  t.notOk(hear(receiver, say(1)).missed)
  say(2)
  t.equal(hear(receiver, say(3)).missed, 'messages 2 to 2 of a#1 did not arrive')
  t.notOk(hear(receiver, tell(sender, 'u', 'b', '7')[0]!.payload).missed)
})

t.test('a note for an earlier incarnation goes to the one that is known, a change to nobody', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#8')
  t.notOk(hear(receiver, tell(sender, 'u1', 'b', '8')[0]!.payload).missed)
  sender.note('b#7', evicted(1))
  const [message, ...others] = tell(sender, 'u2', 'b', '7')
  t.same(hear(receiver, message!.payload), received(evicted(1)))
  t.same(others, [])
  t.notOk(hear(receiver, tell(sender, 'u3', 'b', '8')[0]!.payload).missed)
})

t.test('a note for a new incarnation does not go to the old one, with its changes', async (t) => {
  const sender = new NodeSender('a#1')
  sender.note('b#7', evicted(1))
  sender.note('b#8', evicted(2))
  const [message] = tell(sender, 'u', 'b', '7')
  t.same(hear(new NodeReceiver('b#8'), message!.payload), received(evicted(1), evicted(2)))
  t.notOk(hear(new NodeReceiver('b#8'), message!.payload).missed)
})

t.test('a note for an earlier incarnation is a note, but counts for nothing', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#8')
  for (const id of [1, 2]) sender.note('b#7', evicted(id))
  sender.messages()
  sender.note('b#7', evicted(3))
  t.same(hear(receiver, sender.messages()[0]!.payload), received(evicted(3)))
})

const MALFORMED = ['evict', 'evicted', 'withdraw', 'remind', 'holding'].map((kind) => `malformed ${kind}`)

t.test('a note of an unknown kind or form is left out, its neighbours are not', async (t) => {
  const packr = new Packr({ useRecords: false })
  const strange: unknown[] = [
    null,
    7,
    'evict',
    {},
    { kind: 'later' },
    { kind: 'toString' },
    { kind: 'evict', id: 1, from: 'a#1' },
    { kind: 'evict', id: 1, from: 'a#1', eviction: { userId: 'u' } },
    { kind: 'evicted', id: 1, userId: 'u', gone: 0 },
    { kind: 'withdraw', userId: 'u', platformId: Platform.Web, tokens: [1], by: 1 },
    { kind: 'withdraw', userId: 'u', platformId: '5', tokens: [], by: 1 },
    { kind: 'remind', userIds: ['u'] },
    { kind: 'remind', from: 'a#1', userIds: [1] },
    { kind: 'holding', from: 'a#1', users: [{ userId: 'u' }] },
    { kind: 'holding', from: 'a#1', users: [{ userId: 'u', platformIds: ['1'] }] },
  ]
  const later = { ...evicted(1), hue: 'a field of a later release' }
  const message = { v: 1, from: 'a#1', to: 'b#7', seq: 1, changes: [], notes: [...strange, later] }
  const { leftOut, ...heard } = hear(new NodeReceiver('b#7'), packr.pack(message))
  t.same(heard, { from: 'a#1', notes: [later] })
  t.equal(leftOut.length, strange.length)
  const unknown = (kind: string) => `unknown kind "${kind}"`
  t.same(new Set(leftOut), new Set([unknown(''), unknown('later'), unknown('toString'), ...MALFORMED]))
})

t.test('after its own deafness a receiver takes any number, once', async (t) => {
  const sender = new NodeSender('a#1')
  const receiver = new NodeReceiver('b#7')
  const messages = ['u1', 'u2', 'u3', 'u4', 'u5'].map((user) => tell(sender, user, 'b', '7')[0]!)
  hear(receiver, messages[0]!.payload)
  receiver.forgive()
  t.notOk(hear(receiver, messages[2]!.payload).missed)
  t.ok(hear(receiver, messages[4]!.payload).missed)
})

t.test('what is no change message of a known version is refused', async (t) => {
  const packr = new Packr({ useRecords: false })
  for (const value of [null, 1, 'text', {}, { v: 2, changes: [] }, { v: 1 }]) {
    t.throws(() => hear(new NodeReceiver('b#7'), packr.pack(value)))
  }
})

t.test('a message whose changes are malformed is refused as a whole', async (t) => {
  const packr = new Packr({ useRecords: false })
  const good = ['u', 7, [[5, 'a#1']], [2]]
  const flaws: unknown[] = [
    null,
    'u',
    [1, 7, [], []],
    ['u', '7', [], []],
    ['u', Number.NaN, [], []],
    ['u', 7, null, []],
    ['u', 7, [[5, 6]], []],
    ['u', 7, [['5', 'a#1']], []],
    ['u', 7, [5], []],
    ['u', 7, [], 2],
    ['u', 7, [], [null]],
  ]
  const message = { v: 1, from: 'a#1', to: 'b#7', seq: 1, changes: [good] }
  t.equal(hear(new NodeReceiver('b#7'), packr.pack(message)).notes.length, 1)
  for (const flaw of flaws) {
    const changes = [good, flaw]
    t.throws(() => hear(new NodeReceiver('b#7'), packr.pack({ ...message, changes })), JSON.stringify(flaw))
  }
  for (const flaw of [{ from: 1 }, { seq: 'x' }]) {
    t.throws(() => hear(new NodeReceiver('b#7'), packr.pack({ ...message, ...flaw })), JSON.stringify(flaw))
  }
  const told = ['u', ['5@a#1', '9', 'v', '7'], ['5', '9']]
  t.equal(hear(new NodeReceiver('b#7'), packr.pack([2, 'a#1', told])).notes.length, 1)
  for (const flaw of [
    [2, 1, told],
    [2, 'a#1', 'changes'],
    [2, 'a#1', [1, [], []]],
    [2, 'a#1', ['u', ['x@a#1', '9'], []]],
    [2, 'a#1', ['u', ['v', 'x'], []]],
    [2, 'a#1', ['u']],
  ]) {
    t.throws(() => hear(new NodeReceiver('b#7'), packr.pack(flaw)), JSON.stringify(flaw))
  }
})

t.test('a note whose details are malformed is left out', async (t) => {
  const packr = new Packr({ useRecords: false })
  const eviction = { userId: 'u', before: 7 }
  const evict = { kind: 'evict', id: 1, from: 'a#1', eviction }
  const login = { connectionId: 'c', platformId: Platform.Web, nodeId: 'b', background: false }
  const good = [evict, { kind: 'evicted', id: 1, userId: 'u', gone: 0, left: [login] }]
  const bad = [
    { ...evict, eviction: { ...eviction, platformIds: Platform.Web } },
    { ...evict, eviction: { ...eviction, platformIds: ['5'] } },
    { ...evict, eviction: { ...eviction, connectionId: 5 } },
    { ...evict, eviction: { ...eviction, before: Number.NaN } },
    { kind: 'evicted', id: 1, userId: 'u', gone: 0, left: [null] },
    { kind: 'evicted', id: 1, userId: 'u', gone: 0, left: [{ ...login, platformId: '5' }] },
  ]
  const message = { v: 1, from: 'a#1', to: 'b#7', seq: 1, changes: [], notes: [...good, ...bad] }
  const heard = hear(new NodeReceiver('b#7'), packr.pack(message))
  t.same(heard.notes, good)
  t.equal(heard.leftOut.length, bad.length)
})
