import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SOURCES = ['package.json', 'scripts', 'tsconfig.json', 'src', 'actors']
/** What a build of the server leaves. */
const BUILT = ['dist/server']
const NPM_START = ['npm', 'start', '--silent', '--']

/** Begins a command that may mount; undefined where that is not allowed. */
const mounting = [
  ['unshare', '--mount'],
  ['unshare', '--user', '--map-root-user', '--mount'],
].find(([file, ...args]) => spawnSync(file!, [...args, 'true']).status === 0)
const notMountable = mounting === undefined && 'this machine lets nobody mount'

/** A clone of this repository, with its packages, or with those of production only. */
async function clone({ built, packages }: { built: boolean; packages: 'all' | 'production' }) {
  const folder = temporaryFolder('clone')
  for (const name of [...SOURCES, ...(built ? BUILT : [])]) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true, preserveTimestamps: true })
  }
  mkdirSync(join(folder, 'node_modules'))
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (packages === 'production' && name === 'esbuild') continue
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
  // What is built here counts as built from these sources, whatever was edited meanwhile.
  const { sourcesDigest } = await import(pathToFileURL(join(folder, 'scripts/build.mjs')).href)
  if (built) writeFileSync(join(folder, 'dist/.server-sources'), sourcesDigest())
  return folder
}

function filesOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return names.map((name) => `${name} ${statSync(join(folder, name)).mtimeMs}`)
}

t.test('in a fresh clone npm start builds what a server needs, says so, and serves', async (t) => {
  const cwd = await clone({ built: false, packages: 'all' })
  const gateway = await GatewayProcess.ready(t, { cwd, command: NPM_START })
  t.match(gateway.output, /^porchlight: building/)
  t.same(
    readdirSync(join(cwd, 'dist')).filter((name) => !name.startsWith('.')),
    ['server'],
  )
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
})

t.test('SIGTERM to npm start reaches the gateway, which drains and exits with 0', async (t) => {
  const cwd = await clone({ built: true, packages: 'all' })
  const before = filesOf(join(cwd, 'dist'))
  const gateway = await GatewayProcess.ready(t, { cwd, command: NPM_START })
  t.notMatch(gateway.output, /building/)
  t.same(filesOf(join(cwd, 'dist')), before, 'nothing was stale, so nothing was written')
  const client = await gateway.login('ann')
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
  t.equal(await eventually(() => client.closeCode), CloseCode.GoingAway)
  t.equal((await gateway.readiness()).status, 0, 'nobody holds the ports')
})

t.test('without the development dependencies it runs what is built, stale or not', async (t) => {
  const cwd = await clone({ built: true, packages: 'production' })
  const gateway = await GatewayProcess.ready(t, { cwd, command: NPM_START, env: { NODE_ENV: 'production' } })
  t.notMatch(gateway.output, /^porchlight:/m)
  gateway.kill('SIGTERM')
  await gateway.exit
  writeFileSync(join(cwd, 'src', 'new.ts'), 'export {}\n')
  const stale = await GatewayProcess.ready(t, { cwd, command: NPM_START, env: { NODE_ENV: 'production' } })
  t.match(
    stale.output,
    /^porchlight: the sources have changed since the build; running the old build.*compiler/,
  )
})

t.test('without a build and a compiler it says in a line what is missing', async (t) => {
  const cwd = await clone({ built: false, packages: 'production' })
  const gateway = await GatewayProcess.launch(t, { cwd, command: NPM_START })
  t.match(await gateway.exit, { code: 1 })
  t.match(gateway.output, /^porchlight: nothing is built, and the compiler is not installed.*npm ci.*\n$/)
})

t.test('without its packages it says so too', async (t) => {
  const cwd = await clone({ built: true, packages: 'all' })
  const gateway = await GatewayProcess.launch(t, {
    cwd,
    command: ['sh', '-c', 'rm -r node_modules && exec node scripts/start.mjs'],
  })
  t.match(await gateway.exit, { code: 1 })
  t.match(gateway.output, /^porchlight: a package is missing; run npm ci/)
})

t.test('on a read-only tree it runs what is built', { skip: notMountable }, async (t) => {
  const cwd = await clone({ built: true, packages: 'all' })
  writeFileSync(join(cwd, 'src', 'new.ts'), 'export {}\n')
  const readOnly =
    'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec node scripts/start.mjs'
  const gateway = await GatewayProcess.ready(t, {
    cwd,
    command: [...mounting!, 'sh', '-c', readOnly],
    env: { DATA_DIR: temporaryFolder('data') },
  })
  t.match(gateway.output, /running the old build, for this folder cannot be written/)
})

t.test('its arguments are those of the gateway', async (t) => {
  const cwd = await clone({ built: true, packages: 'all' })
  for (const [args, output] of [
    [['--help'], /^Porchlight[\s\S]*usage:/],
    [['--version'], /^porchlight \d/],
    [['--check'], /^The settings are good/],
  ] as const) {
    const gateway = await GatewayProcess.launch(t, { cwd, command: NPM_START, args: [...args] })
    t.match(await gateway.exit, { code: 0 })
    t.match(gateway.output, output)
  }
})
