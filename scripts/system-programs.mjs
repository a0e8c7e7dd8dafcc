// Programs of the system that tests and benches start: each is named by a variable of its own, or in the PATH; else it
// is installed from the system's packages, where this user may do that.
import { spawnSync } from 'node:child_process'

const PROGRAMS = {
  'redis-server': {
    env: 'REDIS_SERVER',
    package: 'redis-server',
    ask: '--version',
    version: /v=(\d+)\./,
    oldest: 7,
  },
  nginx: { env: 'NGINX', package: 'nginx-light', ask: '-v', version: /nginx\/(\d+)\./, oldest: 1 },
  haproxy: { env: 'HAPROXY', package: 'haproxy', ask: '-v', version: /version (\d+)\./i, oldest: 2 },
  // Without mariadb-server, whose service would start with the machine.
  mariadbd: {
    env: 'MARIADBD',
    package: 'mariadb-server-core mariadb-client-core',
    ask: '--version',
    version: /Ver (\d+)\.\d+\.\d+-MariaDB/,
    oldest: 10,
  },
  // Of 2025 or later, the year of the SDK that runs in it.
  chromium: {
    env: 'CHROMIUM',
    package: 'chromium',
    ask: '--version',
    version: /Chrom\w* (\d+)\./,
    oldest: 132,
  },
  openssl: { env: 'OPENSSL', package: 'openssl', ask: 'version', version: /OpenSSL (\d+)\./, oldest: 1 },
}

/**
 * Where these programs are, as environment variables for the processes that start them. Where one cannot be had, says
 * what to install and ends this process.
 */
export function systemPrograms(...names) {
  install(names.filter((name) => find(name) === undefined))
  const missing = names.filter((name) => find(name) === undefined)
  if (missing.length === 0) {
    return Object.fromEntries(names.map((name) => [PROGRAMS[name].env, find(name)]))
  }
  const wanted = missing.map((name) => `${name} ${PROGRAMS[name].oldest} or later`).join(', ')
  const variables = missing.map((name) => PROGRAMS[name].env).join(', ')
  console.error(
    `needed: ${wanted}: install it (on Debian and Ubuntu: apt-get install ${packagesOf(missing)}), ` +
      `or set ${variables} to its path.`,
  )
  process.exit(1)
}

function find(name) {
  const given = process.env[PROGRAMS[name].env]
  // Daemons are often kept where only the PATH of root looks.
  const places = [given, name, `/usr/sbin/${name}`, `/usr/local/sbin/${name}`]
  return places.find((path) => path !== undefined && path !== '' && isNewEnough(name, path))
}

function isNewEnough(name, path) {
  const { ask, version, oldest } = PROGRAMS[name]
  const { status, stdout, stderr } = spawnSync(path, [ask], { encoding: 'utf8' })
  return status === 0 && Number(version.exec(stdout + stderr)?.[1]) >= oldest
}

function install(names) {
  if (names.length === 0 || process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0)
    return
  console.error(`not found, so installed from the system packages: ${names.join(', ')}`)
  // At run level 1 no service is started: the tests start their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  for (const step of [
    ['update'],
    // A database of another kind that is installed is not taken away for one that tests want.
    ['install', '-y', '--no-remove', '--no-install-recommends', ...packagesOf(names).split(' ')],
  ]) {
    spawnSync('apt-get', ['-qq', ...step], { stdio: ['ignore', 'ignore', 'inherit'], env })
  }
}

function packagesOf(names) {
  return names.map((name) => PROGRAMS[name].package).join(' ')
}
