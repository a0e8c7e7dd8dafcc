import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

t.test('npm pack holds what runs, and no tests, benchmarks or sources', async (t) => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string; mode: number }[] }]
  const paths = files.map(({ path }) => path)
  t.ok(paths.includes('dist/server/main.js'))
  t.ok(paths.some((path) => path.endsWith('.lua')))
  const strangers = paths.filter(
    (path) => !/^(dist\/server\/.*\.(js|lua)|[A-Z]+(\.md)?|package\.json|docs\/[\w.-]+)$/.test(path),
  )
  t.same(strangers, [])
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  t.match(readFileSync(join(ROOT, bin.porchlight), 'utf8'), /^#!\/usr\/bin\/env node\n/)
})
