// `npm test`: find or install what the tests need, build, and run them.
//
// The tests start real Redis servers. redis-server is looked for in REDIS_SERVER, then in the PATH, and is else
// installed from the system's packages where this user may do that.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const OLDEST_REDIS = 7

if (process.argv.includes('--help')) {
  console.log(
    'npm test [-- FILE...]    run all tests, or those of dist/test/FILE...; needs redis-server 7 or later',
  )
  process.exit(0)
}

const redisServer = findRedis() ?? installRedis()
if (redisServer === undefined) {
  console.error(
    `The tests need redis-server ${OLDEST_REDIS} or later: install it (on Debian and Ubuntu: apt-get install ` +
      'redis-server), or set REDIS_SERVER to its path.',
  )
  process.exit(1)
}

const build = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
if (build.status !== 0) process.exit(build.status ?? 1)

const tap = fileURLToPath(new URL('../node_modules/.bin/tap', import.meta.url))
const tests = spawnSync(tap, ['run', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, REDIS_SERVER: redisServer },
})
process.exit(tests.status ?? 1)

function findRedis() {
  const given = process.env.REDIS_SERVER
  return [given, 'redis-server'].find((path) => path !== undefined && path !== '' && isNewEnough(path))
}

function isNewEnough(path) {
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return status === 0 && Number(/v=(\d+)\./.exec(stdout)?.[1]) >= OLDEST_REDIS
}

function installRedis() {
  if (spawnSync('apt-get', ['--version']).status !== 0 || process.getuid?.() !== 0) return undefined
  console.log('redis-server was not found: installing it from the system packages')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
    spawnSync('apt-get', ['-qq', ...step], { stdio: ['ignore', 'ignore', 'inherit'], env })
  }
  return findRedis()
}
