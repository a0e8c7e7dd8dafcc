import { Packr } from 'msgpackr'
import t from 'tap'
import type { Snapshot } from '../../src/presence/types.js'
import { ChangeReceiver, ChangeSender, Outgoing } from '../../src/store/redis/node-channel.js'

const snapshot = (userId: string, version = 1_763_676_000_123_456): Snapshot => ({
  userId,
  version,
  claims: [{ platformId: 5, holder: 'a#1', expiresAtS: 1_763_677_800 }],
  foreign: [2],
})

/** A message about one user to each watcher. */
function tell(sender: ChangeSender, userId: string, ...watchers: string[]) {
  const outgoing = new Outgoing()
  outgoing.add(snapshot(userId), watchers)
  return sender.messages(outgoing)
}

t.test('a change arrives as it was sent', async (t) => {
  const [message] = tell(new ChangeSender('a#1'), 'u', 'b', '7')
  t.equal(message?.nodeId, 'b')
  t.same(new ChangeReceiver('b#7').receive(message!.payload), { snapshots: [snapshot('u')] })
})

t.test('all changes of a call go to a node in one message', async (t) => {
  const outgoing = new Outgoing()
  outgoing.add(snapshot('u1'), ['b', '7', 'c', '9'])
  outgoing.add(snapshot('u2'), ['b', '7'])
  outgoing.add(snapshot('u3'), [])
  const messages = new ChangeSender('a#1').messages(outgoing)
  t.same(
    messages.map((message) => message.nodeId),
    ['b', 'c'],
  )
  t.same(new ChangeReceiver('b#7').receive(messages[0]!.payload).snapshots, [snapshot('u1'), snapshot('u2')])
})

t.test('a message that is missing is noticed at the next one, once', async (t) => {
  const sender = new ChangeSender('a#1')
  const receiver = new ChangeReceiver('b#7')
  const [first, , third, fourth] = ['u1', 'u2', 'u3', 'u4'].map((user) => tell(sender, user, 'b', '7')[0]!)
  t.notOk(receiver.receive(first!.payload).missed)
  const { snapshots, missed } = receiver.receive(third!.payload)
  t.equal(missed, 'messages 2 to 2 of a#1 did not arrive')
  t.equal(snapshots[0]?.userId, 'u3', 'what did arrive counts all the same')
  t.notOk(receiver.receive(fourth!.payload).missed)
})

t.test('the first message of a sender has number 1, or others were lost before', async (t) => {
  const sender = new ChangeSender('a#1')
  tell(sender, 'u1', 'b', '7')
  const [second] = tell(sender, 'u2', 'b', '7')
  t.match(new ChangeReceiver('b#7').receive(second!.payload).missed, 'messages 1 to 1')
})

t.test('a late or repeated message is no loss', async (t) => {
  const sender = new ChangeSender('a#1')
  const receiver = new ChangeReceiver('b#7')
  const [first, second] = ['u1', 'u2'].map((user) => tell(sender, user, 'b', '7')[0]!)
  receiver.receive(first!.payload)
  receiver.receive(second!.payload)
  t.same(receiver.receive(first!.payload), { snapshots: [snapshot('u1')] })
})

t.test('incarnations on both sides are counted apart', async (t) => {
  const old = new ChangeSender('a#1')
  const receiver = new ChangeReceiver('b#7')
  for (const user of ['u1', 'u2']) receiver.receive(tell(old, user, 'b', '7')[0]!.payload)
  t.notOk(
    receiver.receive(tell(new ChangeSender('a#2'), 'u3', 'b', '7')[0]!.payload).missed,
    'a restarted sender',
  )
  t.notOk(receiver.receive(tell(old, 'u4', 'b', '7')[0]!.payload).missed, 'its last words')
  t.notOk(
    new ChangeReceiver('b#8').receive(tell(old, 'u5', 'b', '8')[0]!.payload).missed,
    'a restarted receiver',
  )
  t.same(tell(old, 'u6', 'b', '7'), [], 'whose earlier incarnation nobody is any more')
})

t.test('what was meant for an earlier incarnation is news, but counts for nothing', async (t) => {
  const sender = new ChangeSender('a#1')
  tell(sender, 'u1', 'b', '7')
  const [second] = tell(sender, 'u2', 'b', '7')
  const [first] = tell(sender, 'u3', 'b', '8')
  const receiver = new ChangeReceiver('b#8')
  t.same(receiver.receive(second!.payload), { snapshots: [snapshot('u2')] })
  t.same(receiver.receive(first!.payload), { snapshots: [snapshot('u3')] })
})

t.test('after its own deafness a receiver takes any number, once', async (t) => {
  const sender = new ChangeSender('a#1')
  const receiver = new ChangeReceiver('b#7')
  const messages = ['u1', 'u2', 'u3', 'u4', 'u5'].map((user) => tell(sender, user, 'b', '7')[0]!)
  receiver.receive(messages[0]!.payload)
  receiver.forgive()
  t.notOk(receiver.receive(messages[2]!.payload).missed)
  t.ok(receiver.receive(messages[4]!.payload).missed)
})

t.test('what is no change message of a known version is refused', async (t) => {
  const packr = new Packr({ useRecords: false })
  for (const value of [null, 1, 'text', {}, { v: 2, changes: [] }, { v: 1 }]) {
    t.throws(() => new ChangeReceiver('b#7').receive(packr.pack(value)))
  }
})
