import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { NOTE_KINDS } from '../src/protocol/node/notes.js'

const root = new URL('../../', import.meta.url)
const { PAGES, render } = (await import(new URL('scripts/docs.mjs', root).href)) as {
  PAGES: Record<string, object>
  render(page: string, text: string): Promise<string>
}
const marked = (...names: string[]) =>
  names.map((name) => `<!-- ${name}:begin -->\nold\n<!-- ${name}:end -->`).join('\n')

for (const page of Object.keys(PAGES)) {
  t.test(`${page} says what the code says`, async (t) => {
    const text = readFileSync(new URL(page, root), 'utf8')
    t.equal(text, await render(page, text), 'run `npm run docs` after a build')
  })
}

t.test('docs/node-protocol.md lists every kind of note and its fields', async (t) => {
  const page = readFileSync(new URL('docs/node-protocol.md', root), 'utf8')
  for (const kind of Object.keys(NOTE_KINDS)) t.match(page, `### ${kind}\n`)
  t.match(page, '| `eviction.platformIds` | list of at most 1,000: number; may be absent |')
})

t.test('generated parts replace what stood between their markers and nothing else', async (t) => {
  const expected = {
    'docs/rest.md': ['| `/auth/get_admin_token` | a server with AUTH_SECRET |'],
    'docs/settings.md': ['## Network', '| `WS_PORT` | `10001` |', '| `REDIS_URL` |'],
    'docs/errors.md': ['| `BAD_SETTING` |', '| `ASK_DEADLINE` |', '| `1501` |'],
    'docs/metrics.md': ['| `porchlight_connections` | gauge |'],
  }
  for (const [page, lines] of Object.entries(expected)) {
    const text = await render(page, `before\n${marked(...Object.keys(PAGES[page]!))}\nafter`)
    t.match(text, /^before\n[\s\S]*\nafter$/)
    t.notMatch(text, /^old$/m)
    for (const line of lines) t.match(text, line)
    t.equal(await render(page, text), text, 'a second run changes nothing')
  }
})

t.test('a page without a marker is refused with the name of the marker', async (t) => {
  await t.rejects(render('docs/errors.md', ''), /docs\/errors.md lacks the marker <!-- errors:begin -->/)
  await t.rejects(render('docs/rest.md', '<!-- rest:begin -->'), /<!-- rest:end -->/)
})

t.test('every link between pages leads somewhere', async (t) => {
  for (const page of [
    'README.md',
    'ARCHITECTURE.md',
    ...readdirSync(new URL('docs/', root)).map((name) => `docs/${name}`),
  ]) {
    if (!page.endsWith('.md')) continue
    const text = readFileSync(new URL(page, root), 'utf8')
    for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      t.ok(existsSync(new URL(target!, new URL(page, root))), `${page}: ${target}`)
    }
  }
})
