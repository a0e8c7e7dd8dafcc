import { readFileSync } from 'node:fs'
import t from 'tap'

const root = new URL('../../', import.meta.url)
const { render } = (await import(new URL('scripts/docs.mjs', root).href)) as {
  render(readme: string): Promise<string>
}
const marked = (...names: string[]) =>
  names.map((name) => `<!-- ${name}:begin -->\nold\n<!-- ${name}:end -->`).join('\n')

t.test('the README says what the code says of REST, settings, errors and metrics', async (t) => {
  const readme = readFileSync(new URL('README.md', root), 'utf8')
  t.equal(readme, await render(readme), 'run `npm run docs` after a build')
})

t.test('generated parts replace what stood between their markers and nothing else', async (t) => {
  const text = await render(`before\n${marked('rest', 'settings', 'errors', 'metrics')}\nafter`)
  t.match(text, /^before\n[\s\S]*\nafter$/)
  t.notMatch(text, /^old$/m)
  t.match(text, '| `/auth/get_admin_token` | whoever knows AUTH_SECRET |')
  t.match(text, '| `WS_PORT` | `10001` |')
  t.match(text, '| `BAD_SETTING` |')
  t.match(text, '| `ASK_DEADLINE` |')
  t.match(text, '| `1501` |')
  t.match(text, '| `porchlight_connections` | gauge |')
  t.equal(await render(text), text, 'a second run changes nothing')
})

t.test('a README without a marker is refused with the name of the marker', async (t) => {
  await t.rejects(render(marked('rest', 'settings', 'metrics')), /<!-- errors:begin -->/)
  await t.rejects(render('<!-- rest:begin -->'), /<!-- rest:end -->/)
})
