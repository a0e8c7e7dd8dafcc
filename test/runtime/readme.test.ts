import { readFileSync } from 'node:fs'
import t from 'tap'
import { catalogue } from '../../src/runtime/errors.js'
import { refTo } from '../../src/runtime/ref.js'
import { run } from './readme-example.js'

const root = new URL('../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

const readme = read('src/runtime/README.md')

t.test('the code in the README is the example that is compiled and run', async (t) => {
  const quoted = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
  const regions = [
    ...read('test/runtime/readme-example.ts').matchAll(/^\/\/ #region \w+\n([\s\S]*?)^\/\/ #endregion$/gm),
  ]
  t.equal(regions.length, 3)
  t.same(
    quoted,
    regions.map(([, code]) => `${code!.trimEnd()}\n`),
  )
})

t.test('the example runs on the real clock too', async (t) => {
  t.equal(await run(refTo(9, 1), refTo(9, 2)), true)
})

t.test('the README names every failure of the runtime and nothing that is none', async (t) => {
  const named = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code)
  t.same(
    named,
    catalogue.map(({ code }) => code),
  )
})
