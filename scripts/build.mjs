// Compile everything into dist/ and lay the Lua scripts beside their loaders.
import { spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
const compiled = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' })
cpSync(`${root}/src/store/redis`, `${root}/dist/src/store/redis`, {
  recursive: true,
  filter: (path) => !path.endsWith('.ts'),
})
process.exit(compiled.status ?? 1)
