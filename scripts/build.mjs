// Build what runs.
//
//   node scripts/build.mjs           everything: the server, and tests, benchmarks and demo, file by file
//   node scripts/build.mjs server    the server alone: dist/server/
//
// The server is a bundle of its sources and packages: a thread loads a few files in place of hundreds, which halves what
// a start costs. Native parts stay packages. `npm start` builds through here as well, and only when the sources of the
// server are not those that were built last.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (path) => join(root, path)

const KINDS = ['all', 'server']
const SERVER = at('dist/server')
/** The digest of the server's sources as they were built last. */
const STAMP = at('dist/.server-sources')
export const MAIN = join(SERVER, 'main.js')
/** What TypeScript knows of its last build, and one of its outputs. */
const COMPILER_INFO = at('dist/.tsbuildinfo')
const COMPILED = at('dist/src/main.js')
/** They have native parts, or files of their own that they look for beside them. */
const PACKAGES = ['@photostructure/sqlite', 'lmdb', 'msgpackr-extract', 'piscina']
/** For the parts that are CommonJS. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)"

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
  for (const name of ['tsconfig.json', 'scripts/build.mjs']) hash.update(readFileSync(at(name)))
  return hash.digest('hex')
}

/** Whether what builds the server is installed: it is a development dependency. */
export function canBuild() {
  return pathOf('esbuild') !== undefined
}

function pathOf(program) {
  try {
    const path = fileURLToPath(import.meta.resolve(program))
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** Build `all` or `server`; resolves with the exit code. */
export async function build(kind) {
  if (!canBuild()) {
    console.error('The compiler is not installed. Install the development dependencies: npm ci --include=dev')
    return 1
  }
  if (kind === 'all') {
    const code = await compile()
    if (code !== 0) return code
  }
  const digest = sourcesDigest()
  rmSync(STAMP, { force: true })
  const code = await bundle()
  if (code === 0) writeFileSync(STAMP, digest)
  return code
}

async function compile() {
  // Without its outputs the compiler must not believe its own notes.
  if (!existsSync(COMPILED)) rmSync(COMPILER_INFO, { force: true })
  const code = await run([pathOf('typescript/bin/tsc'), '-p', at('tsconfig.json')])
  if (code === 0) copyScripts(at('dist/src/store/redis/scripts'))
  return code
}

async function bundle() {
  const esbuild = await import('esbuild')
  rmSync(SERVER, { recursive: true, force: true })
  try {
    await esbuild.build({
      entryPoints: [at('src/main.ts')],
      outdir: SERVER,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      external: PACKAGES,
      banner: { js: REQUIRE },
      sourcemap: true,
      sourcesContent: false,
      logLevel: 'warning',
    })
  } catch {
    // It has said why.
    return 1
  } finally {
    // Its own process: whoever builds goes on as the server.
    await esbuild.stop()
  }
  copyScripts(SERVER)
  return 0
}

/** The Lua scripts lie beside what loads them. */
function copyScripts(to) {
  cpSync(at('src/store/redis/scripts'), to, { recursive: true, filter: (path) => !path.endsWith('.ts') })
}

function run(args) {
  return new Promise((resolve) => {
    spawn(process.execPath, args, { stdio: 'inherit' }).on('close', (code) => resolve(code ?? 1))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const kind = process.argv[2] ?? 'all'
  if (!KINDS.includes(kind) || process.argv.length > 3) {
    console.error('usage: node scripts/build.mjs [all | server]')
    process.exit(2)
  }
  process.exit(await build(kind))
}
