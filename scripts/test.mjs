// `npm test`: find or install what the tests need, build, and run them.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemPrograms } from './system-programs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

if (process.argv.includes('--help')) {
  console.log(
    'npm test [-- FILE...]    run all tests, or those of dist/test/FILE...; needs redis-server, nginx, haproxy, openssl, mariadbd, chromium',
  )
  process.exit(0)
}

const env = {
  ...process.env,
  ...systemPrograms('redis-server', 'nginx', 'haproxy', 'openssl', 'mariadbd', 'chromium'),
}
const build = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
if (build.status !== 0) process.exit(build.status ?? 1)

const tap = fileURLToPath(new URL('../node_modules/.bin/tap', import.meta.url))
const withoutHooks = new URL('without-hooks.mjs', import.meta.url).href
const args = ['--import', withoutHooks, tap, 'run', ...process.argv.slice(2)]
const tests = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env })
process.exit(tests.status ?? 1)
