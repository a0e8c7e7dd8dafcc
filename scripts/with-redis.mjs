// `node scripts/with-redis.mjs ENTRY [ARGUMENT...]`: build, then run dist/ENTRY, which starts Redis servers of its own.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemPrograms } from './system-programs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const [entry, ...given] = process.argv.slice(2)
const env = given.includes('--help') ? process.env : { ...process.env, ...systemPrograms('redis-server') }

// What is printed to stdout may be for another program.
const build = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: ['ignore', 2, 2] })
if (build.status !== 0) process.exit(build.status ?? 1)
const run = ['--enable-source-maps', `dist/${entry}`, ...given]
process.exit(spawnSync(process.execPath, run, { cwd: root, stdio: 'inherit', env }).status ?? 1)
