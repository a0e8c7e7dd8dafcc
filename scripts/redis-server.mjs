// Where redis-server is: in REDIS_SERVER, or in the PATH; else it is installed from the system's packages, where this
// user may do that. Whatever starts real Redis servers asks here first.
import { spawnSync } from 'node:child_process'

const OLDEST = 7

/** Its path or name, for REDIS_SERVER of whoever starts it. Where there is none, says so and ends this process. */
export function redisServer() {
  const found = find() ?? install()
  if (found !== undefined) return found
  console.error(
    `redis-server ${OLDEST} or later is needed: install it (on Debian and Ubuntu: apt-get install redis-server), ` +
      'or set REDIS_SERVER to its path.',
  )
  process.exit(1)
}

function find() {
  const given = process.env.REDIS_SERVER
  return [given, 'redis-server'].find((path) => path !== undefined && path !== '' && isNewEnough(path))
}

function isNewEnough(path) {
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return status === 0 && Number(/v=(\d+)\./.exec(stdout)?.[1]) >= OLDEST
}

function install() {
  if (spawnSync('apt-get', ['--version']).status !== 0 || process.getuid?.() !== 0) return undefined
  console.error('redis-server was not found: installing it from the system packages')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
    spawnSync('apt-get', ['-qq', ...step], { stdio: ['ignore', 'ignore', 'inherit'], env })
  }
  return find()
}
