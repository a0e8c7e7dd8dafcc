import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { gunzip, gzip } from '../../src/openim/codec/gzip.js'

t.test('what is zipped here is gzip to others, and the other way round, at every length', async (t) => {
  for (const length of [0, 1, 2, 7, 255, 256, 257, 1000, 70_000]) {
    const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 7919) >> 3))
    t.same(gunzipSync(gzip(bytes)), bytes, `${length} bytes to others`)
    t.same(gunzip(gzipSync(bytes), length || 1), bytes, `${length} bytes from others`)
    t.same(gunzip(gzip(bytes), length || 1), bytes, `${length} bytes both ways`)
  }
})

t.test('long frames shrink', async (t) => {
  t.ok(gzip(Buffer.alloc(10_000, 'user-online ')).length < 500)
})

t.test('one byte over the bound is too long', async (t) => {
  const frame = gzipSync(Buffer.alloc(1001))
  t.equal(gunzip(frame, 1001).length, 1001)
  t.throws(() => gunzip(frame, 1000), { code: 'MESSAGE_TOO_LONG' })
})

t.test('a bomb is refused without being inflated', async (t) => {
  const bomb = gzipSync(Buffer.alloc(200_000_000))
  const before = process.memoryUsage().rss
  const started = performance.now()
  t.throws(() => gunzip(bomb, 100_000), { code: 'MESSAGE_TOO_LONG' })
  t.ok(performance.now() - started < 100, 'in no time')
  t.ok(process.memoryUsage().rss - before < 20_000_000, 'in no space')
})

t.test('several members are one frame, and share its bound', async (t) => {
  const members = Buffer.concat([gzipSync(Buffer.from('ab')), gzip(Buffer.from('cd'))])
  t.same(gunzip(members, 4), Buffer.from('abcd'))
  t.throws(() => gunzip(members, 3), { code: 'MESSAGE_TOO_LONG' })
})

t.test('what is not gzip, or not all of it, is refused', async (t) => {
  const frame = gzipSync(Buffer.from('hello'))
  const corrupt = Buffer.from(frame)
  corrupt[frame.length - 5] ^= 1
  const cases: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('{"reqIdentifier":1}')],
    ['another compression', Buffer.from([0x78, 0x9c, 3, 0, 0, 0, 0, 1])],
    ['cut short', frame.subarray(0, -1)],
    ['a wrong checksum', corrupt],
    ['letters after the end', Buffer.concat([frame, Buffer.from('x')])],
    ['zero bytes after the end', Buffer.concat([frame, Buffer.alloc(3)])],
    ['a second member cut short', Buffer.concat([frame, frame.subarray(0, 12)])],
  ]
  for (const [title, bytes] of cases) {
    t.throws(() => gunzip(bytes, 1000), { code: 'BAD_ENVELOPE' }, title)
  }
})
