/** What of the embedded store outlives its process, its thread and its file. */
import '../support/entry.js'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { openEnvironment, openTokenFile, readRecords } from '../../src/store/memory/token-file.js'
import type { StoredTokens, TokenJournal } from '../../src/store/memory/token-records.js'
import { until } from '../support/redis.js'
import { Heard } from './suite.js'

const HOUR_S = 3_600
const PAGE_BYTES = 4_096
const WRITER = fileURLToPath(new URL('token-writer.js', import.meta.url))

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'porchlight-tokens-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A store as a new process would have it. */
async function openStore(t: Test, journal: string | (() => TokenJournal), nowMs = Date.now) {
  const openJournal = typeof journal === 'string' ? () => openTokenFile(journal) : journal
  const backend = new MemoryBackend(nowMs, openJournal)
  const store = new MemoryStore(backend, {
    nodeId: 'node',
    processId: 'process',
    presenceTtlS: 60,
    watchTtlS: 60,
    nodeLeaseMs: 10_000,
    offlineGraceMs: 0,
  })
  await store.open(new Heard())
  t.teardown(() => backend.close())
  return { backend, store }
}

/** What stands in a file. */
async function recordsIn(dir: string): Promise<Map<string, StoredTokens>> {
  const db = openEnvironment(join(dir, 'tokens'))
  const records = new Map(readRecords(db))
  await db.close()
  return records
}

async function saysDone(child: ChildProcess): Promise<void> {
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  if (line.toString() !== 'done\n') throw new Error(`The writer said ${line}.`)
}

t.test('what a promise said is on record survives a process that is killed', async (t) => {
  const dir = folder(t)
  const child = spawn(process.execPath, [WRITER, dir, 'stay'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await saysDone(child)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const { store } = await openStore(t, dir)
  t.equal(await store.tokenState('u', Platform.Web, 'good'), 'normal')
  t.equal(await store.tokenState('u', Platform.Web, 'bad'), 'kicked')
  t.equal(await store.tokenState('u', Platform.Web, 'other'), 'unknown')
})

t.test('a thread that is hosted anew finds what the one before left open', async (t) => {
  const dir = folder(t)
  for (let life = 0; life < 5; life++) {
    const worker = new Worker(WRITER, { workerData: [dir, 'stay'] })
    const [line] = await once(worker, 'message')
    t.equal(line, 'done')
    await worker.terminate()
    const { backend, store } = await openStore(t, dir)
    t.equal(await store.tokenState('u', Platform.Web, 'bad'), 'kicked')
    await store.rememberToken('u', Platform.Web, `life ${life}`, HOUR_S)
    if (life % 2 === 0) await backend.close()
  }
  t.equal((await recordsIn(dir)).get('u:5')?.tokens.length, 7)
})

t.test('a process that has the file open ends by itself, in silence', async (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [WRITER, folder(t)], { encoding: 'utf8' })
  t.same({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
})

t.test('numbers of kicks and refresh tokens outlive the process too', async (t) => {
  const dir = folder(t)
  const first = await openStore(t, dir)
  await first.store.rememberToken('u', Platform.Web, 'token', HOUR_S)
  for (const token of ['token', 'unrecorded', 'by hand']) {
    await first.store.kickTokens(
      'u',
      Platform.Web,
      [token],
      token === 'by hand' ? Number.MAX_SAFE_INTEGER : 7,
      HOUR_S,
    )
  }
  for (const refresh of ['one', 'taken'])
    await first.store.rememberRefresh('u', Platform.Web, refresh, HOUR_S)
  await first.store.rememberRefresh('u', Platform.IOS, 'forgotten', HOUR_S)
  await first.store.forgetRefreshes('u', 1)
  t.equal(await first.store.takeRefresh('u', Platform.Web, 'taken'), true)
  await first.backend.close()

  const second = await openStore(t, dir)
  for (const token of ['token', 'unrecorded', 'by hand'])
    await second.store.vouchForToken('u', Platform.Web, token, 8)
  const states = async ({ store }: typeof second) =>
    Promise.all(['token', 'unrecorded', 'by hand'].map((token) => store.tokenState('u', Platform.Web, token)))
  t.same(await states(second), ['normal', 'unknown', 'kicked'])
  await second.backend.close()

  const third = await openStore(t, dir)
  t.same(await states(third), ['normal', 'unknown', 'kicked'], 'and what a login undid stays undone')
  t.equal(await third.store.takeRefresh('u', Platform.Web, 'taken'), false)
  t.equal(await third.store.takeRefresh('u', Platform.IOS, 'forgotten'), false)
  t.equal(await third.store.takeRefresh('u', Platform.Web, 'one'), true)
  await third.store.forgetTokens('u', Platform.Web, ['token', 'by hand'])
  await third.backend.close()
  t.same([...(await recordsIn(dir)).keys()], [])
})

t.test('expired records leave the file, at the next opening and while it is open', async (t) => {
  const dir = folder(t)
  let nowMs = 1_700_000_000_000
  const clock = () => nowMs
  const first = await openStore(t, dir, clock)
  await first.store.rememberToken('short', Platform.Web, 'token', 10)
  await first.store.rememberToken('shorter', Platform.Web, 'token', 5)
  await first.store.rememberRefresh('mixed', Platform.Web, 'refresh', 10)
  await first.store.rememberToken('mixed', Platform.Web, 'token', HOUR_S)
  nowMs += 6_000
  // A few records are looked at for each write, and reading an expired one must not hide it from the sweep.
  t.equal(await first.store.tokenState('shorter', Platform.Web, 'token'), 'unknown')
  for (let i = 0; i < 5; i++) await first.store.rememberToken('mixed', Platform.Web, 'token', HOUR_S)
  await first.backend.close()
  t.same([...(await recordsIn(dir)).keys()], ['mixed:5', 'short:5'])

  nowMs += 5_000
  const second = await openStore(t, dir, clock)
  t.equal(await second.store.tokenState('short', Platform.Web, 'token'), 'unknown')
  t.equal(await second.store.takeRefresh('mixed', Platform.Web, 'refresh'), false)
  t.equal(await second.store.tokenState('mixed', Platform.Web, 'token'), 'normal')
  await second.backend.close()
  t.same([...(await recordsIn(dir)).keys()], ['mixed:5'])
})

t.test('nobody else may read the file', async (t) => {
  const dir = folder(t)
  await openStore(t, dir)
  const modeOf = (path: string) => statSync(join(dir, path)).mode & 0o777
  t.equal(modeOf('tokens'), 0o700)
  t.equal(modeOf('tokens/data.mdb'), 0o600)
})

t.test('the file grows with what it has to hold', async (t) => {
  const dir = folder(t)
  const { backend, store } = await openStore(t, dir)
  const users = Array.from({ length: 2_000 }, (_, i) => `user-${i}`)
  await Promise.all(
    users.map((user) => store.rememberToken(user, Platform.Web, `token ${'x'.repeat(1000)}`, HOUR_S)),
  )
  await backend.close()
  t.equal((await recordsIn(dir)).size, users.length)
})

t.test('a folder that cannot be made fails at once', async (t) => {
  const cases: Record<string, (dir: string) => void> = {
    'a file in place of the data directory': (dir) => {
      rmSync(dir, { recursive: true })
      writeFileSync(dir, '')
    },
    'a file in place of the folder': (dir) => writeFileSync(join(dir, 'tokens'), ''),
    'a folder in place of the file': (dir) => mkdirSync(join(dir, 'tokens/data.mdb'), { recursive: true }),
  }
  for (const [name, arrange] of Object.entries(cases)) {
    const dir = folder(t)
    arrange(dir)
    await t.rejects(
      openStore(t, dir),
      { code: 'STORE_UNSUITABLE', message: /^DATA_DIR cannot hold .*tokens \(.+\); expected a directory/ },
      name,
    )
  }
})

t.test('a damaged file is told from a good one before it does harm', async (t) => {
  const good = folder(t)
  const { backend, store } = await openStore(t, good)
  for (let i = 0; i < 500; i++)
    void store.rememberToken(`user-${i}`, Platform.Web, `token ${'x'.repeat(500)}`, HOUR_S)
  await store.rememberToken('last', Platform.Web, 'token', HOUR_S)
  await backend.close()
  const bytes = readFileSync(join(good, 'tokens/data.mdb'))
  const overwritten = (from: number, to: number, value: number) => Buffer.from(bytes).fill(value, from, to)
  const damages: Record<string, Buffer> = {
    'not an LMDB file': Buffer.alloc(bytes.length, 'no such thing '),
    'a byte': Buffer.from('x'),
    'its head is gone': overwritten(0, 2 * PAGE_BYTES, 0),
    'its tail is gone': overwritten(2 * PAGE_BYTES, bytes.length, 0),
    'its tail is something else': overwritten(2 * PAGE_BYTES, bytes.length, 0xa5),
  }
  for (const [name, damaged] of Object.entries(damages)) {
    const dir = folder(t)
    mkdirSync(join(dir, 'tokens'))
    writeFileSync(join(dir, 'tokens/data.mdb'), damaged)
    await t.rejects(
      openStore(t, dir),
      { code: 'STORE_UNSUITABLE', message: /in DATA_DIR is damaged \(.+\)\. Remove that folder/ },
      name,
    )
    rmSync(join(dir, 'tokens'), { recursive: true })
    await t.resolves(openStore(t, dir), 'and as it says, without it all is well')
  }

  const cut = folder(t)
  cpSync(good, cut, { recursive: true })
  truncateSync(join(cut, 'tokens/data.mdb'), 20 * PAGE_BYTES)
  await t.rejects(openStore(t, cut), { code: 'STORE_UNSUITABLE' }, 'cut short')

  const strange = folder(t)
  mkdirSync(join(strange, 'tokens'))
  const db = openEnvironment(join(strange, 'tokens'))
  await db.put('u:5', { v: 2 } as unknown as StoredTokens)
  await db.close()
  await t.rejects(openStore(t, strange), { code: 'STORE_UNSUITABLE', message: /"u:5" is of no known form/ })

  t.equal(await (await openStore(t, good)).store.tokenState('last', Platform.Web, 'token'), 'normal')
})

t.test('a full disk fails the write, not the process', { skip: process.platform !== 'linux' }, async (t) => {
  // The library rejects a promise of its own beside ours, unless it is told not to batch.
  const script = 'trap "" XFSZ; ulimit -f 400; exec "$0" "$@"'
  const child = spawnSync('bash', ['-c', script, process.execPath, WRITER, folder(t), 'fill'], {
    encoding: 'utf8',
  })
  t.match(child.stdout, /^STORE_UNAVAILABLE: Tokens cannot be written: /)
  t.equal(child.status, 0, child.stderr)
})

t.test('on a full disk good tokens stay good, and all is written when there is room', async (t) => {
  const dir = folder(t)
  const before = await openStore(t, dir)
  await before.store.rememberToken('u', Platform.Web, 'good', HOUR_S)
  await before.backend.close()

  let isFull = true
  const opened = () => openTokenFile(dir, () => !isFull)
  const { backend, store } = await openStore(t, opened)
  t.equal(backend.diskFault, undefined)
  t.equal(await store.tokenState('u', Platform.Web, 'good'), 'normal')
  const refused = {
    code: 'STORE_UNAVAILABLE',
    message: 'Tokens cannot be written: the disk of DATA_DIR is full',
  }
  await t.rejects(store.rememberToken('v', Platform.Web, 'new', HOUR_S), refused)
  await t.rejects(store.kickTokens('u', Platform.Web, ['good'], 7, HOUR_S), refused)
  t.equal(await store.tokenState('u', Platform.Web, 'good'), 'kicked', 'a kick is in force')
  t.equal(backend.diskFault, 'tokens cannot be written: the disk of DATA_DIR is full')
  await store.ping()
  t.match(backend.diskFault, /full/, 'and it is looked for room')

  isFull = false
  await store.ping()
  await until('it is written', () => backend.diskFault === undefined)
  await backend.close()
  const after = await openStore(t, dir)
  t.equal(await after.store.tokenState('u', Platform.Web, 'good'), 'kicked')
})

t.test('on a disk that is full from the start the file is made when there is room', async (t) => {
  const dir = folder(t)
  let isFull = true
  const { backend, store } = await openStore(t, () => openTokenFile(dir, () => !isFull))
  await t.rejects(store.rememberToken('u', Platform.Web, 'token', HOUR_S), /disk of DATA_DIR is full/)
  isFull = false
  await store.rememberToken('u', Platform.Web, 'token', HOUR_S)
  await backend.close()
  t.equal(await (await openStore(t, dir)).store.tokenState('u', Platform.Web, 'token'), 'normal')
})

/** A journal whose writes end when the test says so. */
class SlowJournal implements TokenJournal {
  readonly puts: [string, StoredTokens | undefined][] = []
  readonly #ends: ((error?: Error) => void)[] = []
  load(): Iterable<[string, StoredTokens]> {
    return []
  }
  put(key: string, record: StoredTokens | undefined): Promise<void> {
    this.puts.push([key, structuredClone(record)])
    return new Promise((resolve, reject) => {
      this.#ends.push((error) => (error ? reject(error) : resolve()))
    })
  }
  end(error?: Error): void {
    for (const end of this.#ends.splice(0)) end(error)
  }
  async close() {}
}

t.test('a change is seen at once, and promised when it is safe', async (t) => {
  const journal = new SlowJournal()
  const { store } = await openStore(t, () => journal)
  const changes: (() => Promise<unknown>)[] = [
    () => store.rememberToken('u', Platform.Web, 'token', HOUR_S),
    () => store.kickTokens('u', Platform.Web, ['token'], 7, HOUR_S),
    () => store.vouchForToken('u', Platform.Web, 'token', 8),
    () => store.forgetTokens('u', Platform.Web, ['token']),
    () => store.rememberRefresh('u', Platform.Web, 'one', HOUR_S),
    () => store.takeRefresh('u', Platform.Web, 'one'),
    () => store.rememberRefresh('u', Platform.Web, 'two', HOUR_S),
    () => store.forgetRefreshes('u', Platform.Web),
  ]
  for (const [at, change] of changes.entries()) {
    let isPromised = false
    const changing = change().then(() => {
      isPromised = true
    })
    await store.ping()
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(journal.puts.length, at + 1)
    t.equal(isPromised, false)
    journal.end()
    await changing
  }
  const [, kicked, vouched, forgotten] = journal.puts.map(([, record]) => record?.tokens)
  t.same([kicked, vouched, forgotten], [[['token', 'kicked']], [['token', 'normal']], undefined])
})

t.test('a write that fails rejects the call that asked for it', async (t) => {
  const journal = new SlowJournal()
  const { store } = await openStore(t, () => journal)
  const kicking = store.kickTokens('u', Platform.Web, ['token'], 7, HOUR_S)
  journal.end(new Error('no space left'))
  await t.rejects(kicking, { code: 'STORE_UNAVAILABLE', message: 'Tokens cannot be written: no space left' })
  t.equal(await store.tokenState('u', Platform.Web, 'token'), 'kicked', 'in this process it holds')
})

t.test('logins that change nothing write nothing', async (t) => {
  const journal = new SlowJournal()
  const { store } = await openStore(t, () => journal)
  for (const user of ['u', 'v', 'w']) {
    await store.tokenState(user, Platform.Web, 'token')
    await store.vouchForToken(user, Platform.Web, 'token', 7)
    await store.kickTokens(user, Platform.Web, ['token'], 6, HOUR_S)
    await store.forgetTokens(user, Platform.Web, ['token'])
    await store.takeRefresh(user, Platform.Web, 'refresh')
    await store.forgetRefreshes(user, Platform.Web)
  }
  t.same(journal.puts, [])
})
