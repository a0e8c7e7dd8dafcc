import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { CloseCode } from '../../src/openim/close-codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { Admin } from '../../src/sdk/admin.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { eventually } from '../support/eventually.js'
import { startRedis } from '../support/redis.js'

const MAIN = fileURLToPath(new URL('../../server/main.js', import.meta.url))
const SECRET = 'a secret for tests, long enough'

interface Process {
  child: ChildProcess
  output: () => string
  exit: Promise<{ code: number | null; signal: string | null }>
}

function run(env: Record<string, string>, cwd = process.cwd()): Process {
  const child = spawn(process.execPath, [MAIN], {
    cwd,
    env: { PATH: process.env.PATH, HEALTH_PORT: '0', ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }))
  })
  return { child, output: () => output, exit }
}

async function ready(node: Process, apiPort: number): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${apiPort}/readyz`).catch(() => undefined)
    return response?.status === 200 ? true : undefined
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${node.output()}`)
  })
}

async function login(wsPort: number, apiPort: number, secret: string, userId: string): Promise<OpenimClient> {
  const token = await new Admin(`http://127.0.0.1:${apiPort}`, secret).userToken(userId, Platform.Android)
  return OpenimClient.connect({
    url: `ws://127.0.0.1:${wsPort}`,
    token,
    userId,
    platformId: Platform.Android,
  })
}

t.test('SIGTERM: sockets get a goodbye, the store is told, and the process exits with 0', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const [wsPort, apiPort] = (await freePorts('127.0.0.1', 2)) as [number, number]
  const node = run({
    WS_PORT: String(wsPort),
    API_PORT: String(apiPort),
    AUTH_SECRET: SECRET,
    REDIS_URL: redis.url,
    IO_THREADS: '2',
    SHARD_THREADS: '2',
  })
  t.teardown(() => node.child.kill('SIGKILL'))
  await ready(node, apiPort)
  const clients = await Promise.all(['a', 'b', 'c', 'd'].map((id) => login(wsPort, apiPort, SECRET, id)))
  const client = redis.client()
  t.teardown(() => client.disconnect())
  await eventually(async () => ((await client.exists('ONLINE:a', 'ONLINE:b')) === 2 ? true : undefined))

  node.child.kill('SIGTERM')
  t.same(await node.exit, { code: 0, signal: null })
  await eventually(() => (clients.every((one) => one.closeCode !== undefined) ? true : undefined))
  t.same(
    clients.map((one) => one.closeCode),
    Array(4).fill(CloseCode.GoingAway),
    'a close frame that says: going away',
  )
  t.equal(await client.exists('ONLINE:a', 'ONLINE:b', 'ONLINE:c', 'ONLINE:d'), 0, 'nobody is left as a ghost')
  t.notMatch(node.output(), /uv loop|Aborted|FATAL ERROR|open handles/, 'no native trace')
  t.notMatch(node.output(), /eyJ/, 'no token in the log')
})

t.test('a second signal ends a stop that hangs', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const [wsPort, apiPort] = (await freePorts('127.0.0.1', 2)) as [number, number]
  const node = run({
    WS_PORT: String(wsPort),
    API_PORT: String(apiPort),
    AUTH_SECRET: SECRET,
    REDIS_URL: redis.url,
    SHUTDOWN_TIMEOUT_MS: '60000',
  })
  t.teardown(() => node.child.kill('SIGKILL'))
  await ready(node, apiPort)
  const client = await login(wsPort, apiPort, SECRET, 'ann')
  // A store that hangs: the node would wait for it to hear that the user is gone.
  process.kill(redis.pid, 'SIGSTOP')
  node.child.kill('SIGINT')
  await eventually(() => client.closeCode)
  // Twice at once is one Ctrl-C under npm, so it is asked again until it counts.
  await eventually(() => (node.child.kill('SIGINT') ? undefined : true))
  t.same(await node.exit, { code: null, signal: 'SIGKILL' })
  process.kill(redis.pid, 'SIGCONT')
})

t.test('development mode: a secret of its own, loopback only, tokens that live over a restart', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'porchlight-'))
  const [wsPort, apiPort] = (await freePorts('127.0.0.1', 2)) as [number, number]
  const env = { WS_PORT: String(wsPort), API_PORT: String(apiPort) }
  const node = run(env, cwd)
  t.teardown(() => node.child.kill('SIGKILL'))
  await ready(node, apiPort)
  t.match(node.output(), /development mode/)
  const secretFile = join(cwd, '.porchlight', 'development-secret')
  const secret = (await readFile(secretFile, 'utf8')).trim()
  t.equal((await stat(secretFile)).mode & 0o777, 0o600, 'only its owner may read it')
  t.notMatch(node.output(), new RegExp(secret), 'it is not in the log')
  const client = await login(wsPort, apiPort, secret, 'ann')
  node.child.kill('SIGTERM')
  t.same(await node.exit, { code: 0, signal: null })
  await eventually(() => client.closeCode)
})

t.test('where uWebSockets.js does not load, ws serves on one io thread, and one line says so', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'porchlight-'))
  const block = join(cwd, 'block.cjs')
  await writeFile(
    block,
    `const { Module } = require('node:module')
     const load = Module._load
     Module._load = (id, ...rest) => {
       if (id.endsWith('/uws.node')) throw new Error('no binary for this machine')
       return load(id, ...rest)
     }`,
  )
  const [wsPort, apiPort] = (await freePorts('127.0.0.1', 2)) as [number, number]
  const node = run(
    {
      WS_PORT: String(wsPort),
      API_PORT: String(apiPort),
      AUTH_SECRET: SECRET,
      USERS: 'open',
      IO_THREADS: '2',
      NODE_OPTIONS: `--require ${block}`,
    },
    cwd,
  )
  t.teardown(() => node.child.kill('SIGKILL'))
  await ready(node, apiPort)
  const lines = node
    .output()
    .split('\n')
    .filter((line) => line.includes('no binary for this machine'))
  t.equal(lines.length, 1, lines[0])
  const client = await login(wsPort, apiPort, SECRET, 'ann')
  node.child.kill('SIGTERM')
  t.same(await node.exit, { code: 0, signal: null })
  await eventually(() => client.closeCode)
})

t.test('it does not start with a bad setting, and names each', async (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ WS_PORT: 'x', BATCH_SIZE: '0' }, /WS_PORT[\s\S]*BATCH_SIZE/],
    [{ AUTH_SECRET: 'openIM123' }, /AUTH_SECRET/],
    [{ HOST: '0.0.0.0' }, /AUTH_SECRET/],
    [{ REDIS_URL: 'redis://127.0.0.1:6379' }, /AUTH_SECRET/],
  ]
  for (const [env, expected] of cases) {
    const node = run(env)
    t.teardown(() => node.child.kill('SIGKILL'))
    t.same(await node.exit, { code: 1, signal: null })
    t.match(node.output(), expected, JSON.stringify(env))
  }
})

t.test('a port in use is a clear error', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const cwd = await mkdtemp(join(tmpdir(), 'porchlight-'))
  const cases: Record<string, string>[] = [
    { WS_PORT: String(port), API_PORT: '0' },
    { WS_PORT: '0', API_PORT: String(port) },
    { WS_PORT: '0', API_PORT: '0', HEALTH_PORT: String(port) },
  ]
  for (const env of cases) {
    const node = run(env, cwd)
    t.teardown(() => node.child.kill('SIGKILL'))
    t.same(await node.exit, { code: 1, signal: null }, node.output())
    const [setting] = Object.entries(env).find(([, value]) => value === String(port))!
    t.match(node.output(), new RegExp(`does not start[\\s\\S]*${setting}: [\\s\\S]*${port}`))
  }
})
