// `npm start`: build the server if its sources have changed, then become it, in this process.
//
// Nothing is written when nothing is stale. What was built runs also where it cannot be built anew: on a read-only
// tree, and without the development dependencies.
import { accessSync, constants, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, canBuild, isStale, MAIN } from './build.mjs'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))
/** What these print is as good from an older build. */
const onlyAsks = process.argv.slice(2).some((arg) => ['--help', '-h', '--version', '-v'].includes(arg))

/** For process 1 of a container a signal without a handler has no effect, so there is one from the beginning. */
const endEarly = () => process.exit(0)
const SIGNALS = ['SIGTERM', 'SIGINT']
for (const signal of SIGNALS) process.on(signal, endEarly)

if (!(onlyAsks && existsSync(MAIN)) && isStale()) await buildIfPossible()
await becomeTheServer()

async function buildIfPossible() {
  const hindrance = whyNotToBuild()
  if (hindrance === undefined) {
    console.error('porchlight: building (once; some seconds)')
    const code = await build('server')
    if (code !== 0) process.exit(code)
  } else if (existsSync(MAIN)) {
    console.error(
      `porchlight: the sources have changed since the build; running the old build, for ${hindrance}`,
    )
  } else {
    console.error(
      `porchlight: nothing is built, and ${hindrance}. Build where it can be done ` +
        '(npm ci --include=dev && npm run build:server), or see docs/production.md.',
    )
    process.exit(1)
  }
}

function whyNotToBuild() {
  if (!canBuild()) return 'the compiler is not installed (it is a development dependency)'
  try {
    accessSync(existsSync(dist) ? dist : root, constants.W_OK)
    return undefined
  } catch {
    return 'this folder cannot be written'
  }
}

async function becomeTheServer() {
  for (const signal of SIGNALS) process.off(signal, endEarly)
  try {
    await import(MAIN)
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.error(`porchlight: a package is missing; run npm ci. ${error.message.split('\n')[0]}`)
    process.exit(1)
  }
}
