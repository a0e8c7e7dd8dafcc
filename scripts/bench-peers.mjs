// `npm run bench:peers`: install the peers' packages if they are missing, then run the bench of peers.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const home = `${root}/bench/peers`
const given = process.argv.slice(2)

if (!existsSync(`${home}/node_modules`) && !given.includes('--help')) {
  console.error('installing the packages of bench/peers')
  // What is missing then is skipped by name.
  spawnSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: home, stdio: ['ignore', 2, 2] })
}
const bench = ['scripts/with-redis.mjs', 'bench/peers/main.js', ...given]
process.exit(spawnSync(process.execPath, bench, { cwd: root, stdio: 'inherit' }).status ?? 1)
