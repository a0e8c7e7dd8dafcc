import { spawnSync } from 'node:child_process'
import t from 'tap'
import { boundedLog, createLog } from '../../src/observe/log.js'

type Line = Record<string, unknown>

function recorder(level = 'info') {
  const raw: string[] = []
  const log = createLog({ level, thread: 'io-0', destination: { write: (line) => void raw.push(line) } })
  return { log, raw, lines: () => raw.map((line) => JSON.parse(line) as Line) }
}

t.test('a line says when, how severe, from which thread, and what', async (t) => {
  const { log, lines } = recorder()
  log.info({ connections: 3 }, 'listening')
  log.debug('not this one')
  t.equal(lines().length, 1)
  t.match(lines()[0], { level: 'info', thread: 'io-0', connections: 3, msg: 'listening' })
  t.match(lines()[0]?.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

t.test('the level can be changed while the thread runs', async (t) => {
  const { log, lines } = recorder()
  log.level = 'debug'
  log.debug('now')
  t.equal(lines().length, 1)
})

t.test('tokens and secrets are masked wherever they stand in a line', async (t) => {
  const { log, raw } = recorder()
  const token = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from('{"UserID":"u1"}').toString('base64url')}.c2lnbmF0dXJl`
  const packed = Buffer.from(JSON.stringify({ token, userID: 'u1' })).toString('base64url')
  log.info({ token: 'hush', userId: 'u1' })
  log.info({ config: { authSecret: 'hush', redisUrl: 'redis://u:hush@a' } })
  log.info({ request: { headers: { token: 'hush' } }, secret: 'hush' })
  log.info({ query: `sendID=u1&token=${token}&platformID=5` })
  log.info({ query: `v=${packed}` })
  log.warn({ err: new Error(`cannot check ${token}`) }, `token ${token}`)
  log.warn({ err: new Error('connect redis://user:hush@10.0.0.1:6379/0') }, 'store')
  const text = raw.join('')
  t.equal(raw.length, 7)
  for (const piece of ['hush', packed, ...token.split('.')]) t.notOk(text.includes(piece), piece)
  for (const kept of ['sendID=u1', 'platformID=5', '10.0.0.1:6379', '"userId":"u1"'])
    t.ok(text.includes(kept), kept)
  for (const line of raw) t.doesNotThrow(() => JSON.parse(line))
})

t.test('lines of a worker thread reach standard output, the last one before its end too', async (t) => {
  const module = new URL('../../src/observe/log.js', import.meta.url).href
  const worker = `import(${JSON.stringify(module)}).then(({ createLog }) => {
    const log = createLog({ level: 'info', thread: 'io-7' })
    for (let i = 0; i < 100; i++) log.info({ i }, 'words')
    process.exit(0)
  })`
  const main = `import { Worker } from 'node:worker_threads'
    new Worker(${JSON.stringify(worker)}, { eval: true })`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', main], { encoding: 'utf8' })
  const lines = stdout.trim().split('\n')
  t.equal(lines.length, 100)
  t.match(JSON.parse(lines.at(-1) ?? ''), { level: 'info', thread: 'io-7', i: 99, msg: 'words' })
})

t.test('a flood is held back, and then counted', async (t) => {
  const { log, lines } = recorder()
  let now = 0
  const bounded = boundedLog(log, { everyMs: 1000, linesMax: 2, nowMs: () => now })
  for (let i = 0; i < 10; i++) bounded.write('warn', 'dead letter', { i }, 'no reader')
  t.match(lines(), [{ i: 0 }, { i: 1, level: 'warn', key: 'dead letter', msg: 'no reader' }])
  t.equal(lines().length, 2)

  now = 999
  bounded.write('warn', 'dead letter', { i: 10 }, 'no reader')
  t.equal(lines().length, 2, 'the window is not over')
  now = 1000
  bounded.write('warn', 'dead letter', { i: 11 }, 'no reader')
  t.match(lines().slice(2), [{ key: 'dead letter', heldBack: 9 }, { i: 11 }])
  t.equal(lines().length, 4)
})

t.test('one key does not hold back another', async (t) => {
  const { log, lines } = recorder()
  const bounded = boundedLog(log, { everyMs: 1000, nowMs: () => 0 })
  bounded.write('info', 'a', {}, 'a')
  bounded.write('error', 'b', {}, 'b')
  t.match(lines(), [{ msg: 'a' }, { msg: 'b', level: 'error' }])
})

t.test('what was held back is told before a stop, once', async (t) => {
  const { log, lines } = recorder()
  const bounded = boundedLog(log, { everyMs: 1000, nowMs: () => 0 })
  for (let i = 0; i < 5; i++) bounded.write('warn', 'a', {}, 'a')
  bounded.flush()
  bounded.flush()
  t.match(lines().slice(1), [{ key: 'a', heldBack: 4 }])
  t.equal(lines().length, 2)
})

t.test('keys without number do not fill the memory, and the forgotten one is counted', async (t) => {
  const { log, lines } = recorder()
  const bounded = boundedLog(log, { everyMs: 1000, keysMax: 2, nowMs: () => 0 })
  for (const key of ['a', 'a', 'a', 'b', 'c', 'a']) bounded.write('info', key, {}, key)
  t.same(
    lines().map(({ msg, heldBack }) => heldBack ?? msg),
    ['a', 'b', 2, 'c', 'a'],
  )
})
