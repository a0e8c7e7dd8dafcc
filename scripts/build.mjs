// Compile into dist/ and lay the Lua scripts beside their loaders.
//
//   node scripts/build.mjs           everything: server, tests, benchmarks, demo
//   node scripts/build.mjs server    what a server needs, and no more
//
// `npm start` builds through here as well, and only when the sources of the server are not those that were built last.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (path) => join(root, path)

const KINDS = { all: 'tsconfig.json', server: 'tsconfig.server.json' }
/** What TypeScript knows of its last build of everything; where it is, that is what gets built. */
const ALL_INFO = at('dist/.tsbuildinfo')
const SERVER_INFO = at('dist/.tsbuildinfo-server')
/** The digest of the server's sources as they were built last. */
const STAMP = at('dist/.server-sources')
export const MAIN = at('dist/src/main.js')

/** Whether the server was not built yet, or its sources have changed since. */
export function isStale() {
  return !existsSync(MAIN) || !existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== sourcesDigest()
}

/** Contents rather than times: a checkout, a copy into an image or a restored cache sets times anew. */
export function sourcesDigest() {
  const hash = createHash('sha256')
  for (const folder of ['actors', 'src']) {
    for (const name of readdirSync(at(folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (/\.(ts|lua)$/.test(name))
        hash.update(`${folder}/${name}\n`).update(readFileSync(at(`${folder}/${name}`)))
    }
  }
  for (const name of Object.values(KINDS)) hash.update(readFileSync(at(name)))
  return hash.digest('hex')
}

/** The path of the compiler, or undefined when the development dependencies are not installed. */
export function compiler() {
  try {
    const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
    return existsSync(tsc) ? tsc : undefined
  } catch {
    return undefined
  }
}

/**
 * Build `all` or `server`; resolves with the exit code. Two compilers' notes on one dist/ would contradict each other,
 * so a tree in which everything was built once stays one in which everything is built.
 */
export async function build(kind, options = {}) {
  const tsc = compiler()
  if (tsc === undefined) {
    console.error('The compiler is not installed. Install the development dependencies: npm ci --include=dev')
    return 1
  }
  const built = kind === 'server' && existsSync(ALL_INFO) ? 'all' : kind
  if (built === 'all') rmSync(SERVER_INFO, { force: true })
  // Without its outputs the compiler must not believe its own notes.
  if (!existsSync(MAIN)) for (const info of [ALL_INFO, SERVER_INFO]) rmSync(info, { force: true })
  const digest = sourcesDigest()
  rmSync(STAMP, { force: true })
  const code = await run([tsc, '-p', at(KINDS[built])], options)
  if (code !== 0) return code
  cpSync(at('src/store/redis'), at('dist/src/store/redis'), {
    recursive: true,
    filter: (path) => !path.endsWith('.ts'),
  })
  writeFileSync(STAMP, digest)
  return 0
}

/** `onChild` gets the compiler's process. */
function run(args, { stdio = 'inherit', onChild }) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio })
    onChild?.(child)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const kind = process.argv[2] ?? 'all'
  if (!(kind in KINDS) || process.argv.length > 3) {
    console.error('usage: node scripts/build.mjs [all | server]')
    process.exit(2)
  }
  process.exit(await build(kind))
}
