import t from 'tap'
import { hasRead } from '../../../src/rules/messages/late.js'

const CHAT = 'si_ann_bob'
const RECORDED_MS = 1_000_000

const late = (seq: number, sentMs: number) => ({ conversationId: CHAT, seq, sentMs })
const told = (seq: number) => new Map([[CHAT, seq]])

t.test('a client has read what was sent long before its login', async (t) => {
  t.equal(hasRead(late(7, RECORDED_MS - 60_000), RECORDED_MS), true)
})

t.test('and not what was sent after it', async (t) => {
  t.equal(hasRead(late(7, RECORDED_MS), RECORDED_MS, told(6)), false)
})

/** Once a message that was sent before a login, and committed after the client had read, was taken for read. */
t.test('what was sent shortly before is read as far as the client was told', async (t) => {
  t.equal(hasRead(late(7, RECORDED_MS - 100), RECORDED_MS, told(6)), false)
  t.equal(hasRead(late(7, RECORDED_MS - 100), RECORDED_MS, told(7)), true)
  t.equal(
    hasRead(late(7, RECORDED_MS - 100), RECORDED_MS),
    false,
    'of a conversation that it was not told of',
  )
})
