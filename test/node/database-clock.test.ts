/** One clock for all threads, which is the database's. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { createDatabaseClock, SharedDatabaseClock } from '../../src/node/database-clock.js'

const HOUR_MS = 3_600_000
const wall = Date.now

t.afterEach(() => {
  Date.now = wall
})

t.test('until it is measured it is that of the machine, as it was at the start', async (t) => {
  const { nowMs } = new SharedDatabaseClock(createDatabaseClock())
  t.ok(Math.abs(nowMs() - Date.now()) < 100)
  t.ok(Number.isInteger(nowMs()))
})

t.test('a step of the machine’s clock is not seen', async (t) => {
  const clock = new SharedDatabaseClock(createDatabaseClock())
  const databaseMs = () => wall() + HOUR_MS
  await clock.measure({ clockMs: async () => databaseMs() })
  Date.now = () => wall() - 5 * HOUR_MS
  t.ok(Math.abs(clock.nowMs() - databaseMs()) < 100)
  await clock.measure({ clockMs: async () => databaseMs() })
  t.ok(Math.abs(clock.nowMs() - databaseMs()) < 100)
})

t.test('threads that do not measure read what another has measured', async (t) => {
  const shared = createDatabaseClock()
  await new SharedDatabaseClock(shared).measure({ clockMs: async () => wall() + HOUR_MS })
  const module = new URL('../../src/node/database-clock.js', import.meta.url)
  const worker = new Worker(
    `import('node:worker_threads').then(async ({ parentPort, workerData }) => {
       const { SharedDatabaseClock } = await import(workerData.module)
       parentPort.postMessage(new SharedDatabaseClock(workerData.shared).nowMs())
     })`,
    { eval: true, workerData: { shared, module: module.href } },
  )
  const [nowMs] = await once(worker, 'message')
  t.ok(Math.abs(nowMs - wall() - HOUR_MS) < 1_000, `${nowMs}`)
  await worker.terminate()
})

t.test('a database that does not answer leaves what is known', async (t) => {
  const clock = new SharedDatabaseClock(createDatabaseClock())
  await clock.measure({ clockMs: async () => wall() + HOUR_MS })
  await t.rejects(clock.measure({ clockMs: async () => Promise.reject(new Error('away')) }), {
    message: 'away',
  })
  t.ok(Math.abs(clock.nowMs() - wall() - HOUR_MS) < 100)
})
