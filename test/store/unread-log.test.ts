import t from 'tap'
import { UnreadLog } from '../../src/store/redis/unread-log.js'

function start() {
  const clock = { nowMs: 0 }
  const lines: unknown[] = []
  const log = new UnreadLog(
    (_level, _message, fields) => lines.push(fields),
    () => clock.nowMs,
  )
  return { clock, lines, log }
}

t.test('a reason is logged when it comes first, then once a minute with its count', async (t) => {
  const { clock, lines, log } = start()
  for (let i = 0; i < 3; i++) log.note('new')
  log.note('other')
  t.same(lines.splice(0), [
    { reason: 'new', count: 1 },
    { reason: 'other', count: 1 },
  ])
  clock.nowMs = 59_999
  log.note('new')
  t.same(lines, [])
  clock.nowMs = 60_000
  for (let i = 0; i < 3; i++) log.note('new')
  t.same(lines, [{ reason: 'new', count: 5 }])
})

t.test('of many reasons the oldest is forgotten', async (t) => {
  const { lines, log } = start()
  for (let i = 0; i <= 100; i++) log.note(`reason ${i}`)
  t.equal(lines.splice(0).length, 101)
  log.note('reason 100')
  t.same(lines, [], 'still known')
  log.note('reason 0')
  t.same(lines, [{ reason: 'reason 0', count: 1 }], 'forgotten')
})
