import t from 'tap'
import { LineQueue, type Outcome } from '../../src/observe/line-queue.js'

/** A reader whose pipe has so much room; `room` may be changed, and `fails` makes every write fail. */
function reader(room: number, keptBytesMax = 40) {
  const pipe = { text: '', room, fails: false }
  const queue = new LineQueue({
    keptBytesMax,
    notice: (dropped) => `[${dropped}]\n`,
    out: (bytes): Outcome => {
      if (pipe.fails) return 'failed'
      if (pipe.room === 0) return 'full'
      const taken = Math.min(pipe.room, bytes.length)
      pipe.room -= taken
      pipe.text += Buffer.from(bytes.subarray(0, taken)).toString()
      return taken
    },
  })
  return { pipe, queue }
}

const line = (n: number) => `line-${String(n).padStart(4, '0')}\n`

t.test('a reader that reads gets each line before the call returns', async (t) => {
  const { pipe, queue } = reader(1_000)
  queue.write(line(1))
  t.equal(pipe.text, line(1))
  queue.write(line(2))
  t.equal(pipe.text, line(1) + line(2))
  t.equal(queue.dropped, 0)
})

t.test('what a slow reader does not take is kept in order, and no line is cut', async (t) => {
  const { pipe, queue } = reader(13)
  for (const n of [1, 2, 3]) queue.write(line(n))
  t.equal(pipe.text.length, 13)
  pipe.room = 1_000
  t.ok(queue.flush())
  t.equal(pipe.text, line(1) + line(2) + line(3))
})

t.test('over the bound new lines are dropped, and one notice in their place says how many', async (t) => {
  const { pipe, queue } = reader(0)
  for (let n = 0; n < 10; n++) queue.write(line(n))
  t.equal(queue.dropped, 6)
  pipe.room = 1_000
  t.ok(queue.flush())
  queue.write(line(10))
  t.ok(queue.flush())
  t.equal(pipe.text, `${[0, 1, 2, 3].map(line).join('')}[6]\n${line(10)}`)
})

t.test('a reader that takes a little makes one gap and not one for each line', async (t) => {
  const { pipe, queue } = reader(0)
  for (let n = 0; n < 6; n++) queue.write(line(n))
  pipe.room = 10
  queue.flush()
  queue.write(line(6))
  t.equal(queue.dropped, 3, 'more than half is kept still')
  pipe.room = 10
  queue.flush()
  queue.write(line(7))
  pipe.room = 1_000
  queue.flush()
  t.equal(pipe.text, `${[0, 1, 2, 3].map(line).join('')}[3]\n${line(7)}`)
})

t.test('without anything more to say the notice is written as soon as it can be', async (t) => {
  const { pipe, queue } = reader(0)
  for (let n = 0; n < 5; n++) queue.write(line(n))
  pipe.room = 1_000
  queue.flush()
  t.match(pipe.text, /\n\[1\]\n$/)
})

t.test('a reader that is gone costs lines and nothing else; when one is back it is told', async (t) => {
  const { pipe, queue } = reader(1_000)
  pipe.fails = true
  for (let n = 0; n < 100; n++) queue.write(line(n))
  t.equal(queue.dropped, 100)
  t.ok(queue.flush(), 'nothing is kept for it')
  pipe.fails = false
  queue.write(line(100))
  t.equal(pipe.text, `[100]\n${line(100)}`)
})

t.test('after a failure in the middle of a line the next one begins on its own', async (t) => {
  const { pipe, queue } = reader(4)
  queue.write(line(1))
  pipe.fails = true
  queue.flush()
  pipe.fails = false
  pipe.room = 1_000
  queue.write(line(2))
  t.ok(queue.flush())
  t.equal(pipe.text, `line\n[1]\n${line(2)}`)
})

t.test('one line longer than the bound still passes', async (t) => {
  const { pipe, queue } = reader(1_000)
  const long = `${'x'.repeat(100)}\n`
  queue.write(long)
  t.equal(pipe.text, long)
})

t.test('a stuck reader is tried again by itself', async (t) => {
  const { pipe, queue } = reader(0)
  queue.write(line(1))
  pipe.room = 1_000
  while (pipe.text === '') await new Promise((resolve) => setTimeout(resolve, 5))
  t.equal(pipe.text, line(1))
})
