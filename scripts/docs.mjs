// Rewrite the generated pages of docs/, and parts of pages, from what was built: REST paths, settings, errors, metrics, notes.
// Run after the build, as `npm run docs`; `test/docs.test.ts` holds the pages to it.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dataPathPicture } from './data-path-picture.mjs'
import { nodeProtocolPage } from './node-protocol-page.mjs'

const built = (path) => import(new URL(`../dist/src/${path}`, import.meta.url).href)

/** Each generated page: what makes it as a whole, or its parts by the name in their markers. */
export const PAGES = {
  'docs/rest.md': { rest: async () => (await built('doors/rest/routes/all.js')).restTable() },
  'docs/settings.md': { settings: async () => (await built('config/table.js')).settingsTables('##') },
  'docs/errors.md': { errors: errorsTable },
  'docs/metrics.md': { metrics: async () => (await built('observe/metrics.js')).metricsTable() },
  'docs/node-protocol.md': nodeProtocol,
  'docs/data-path.svg': dataPathPicture,
}

/** The text of a page with every generated part up to date. Throws when a marker is missing, and names it. */
export async function render(page, text) {
  const made = PAGES[page]
  if (typeof made === 'function') return made()
  let rendered = text
  for (const [name, make] of Object.entries(made)) rendered = replacePart(page, rendered, name, await make())
  return rendered
}

async function nodeProtocol() {
  const { NOTE_KINDS } = await built('protocol/node/notes.js')
  const { MESSAGE_BYTES_MAX } = await built('protocol/node/bounds.js')
  return nodeProtocolPage(NOTE_KINDS, MESSAGE_BYTES_MAX)
}

function replacePart(page, text, name, content) {
  const begin = `<!-- ${name}:begin -->`
  const end = `<!-- ${name}:end -->`
  const from = text.indexOf(begin)
  if (from < 0) throw new Error(`${page} lacks the marker ${begin}`)
  const to = text.indexOf(end, from)
  if (to < 0) throw new Error(`${page} lacks the marker ${end} after ${begin}`)
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`
}

async function errorsTable() {
  const entries = [
    ...(await catalogueOf('errors/catalogue.js')),
    ...(await catalogueOf('runtime/errors.js')),
    ...(await catalogueOf('openim/catalogue.js')),
  ]
  const lines = entries.map(
    ({ code, seenBy, meaning, retry }) => `| \`${code}\` | ${seenBy} | ${meaning} | ${retry} |`,
  )
  return ['| Code | Seen by | Meaning | Retry |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

async function catalogueOf(path) {
  const { catalogue } = await built(path)
  if (!Array.isArray(catalogue)) throw new Error(`src/${path.replace(/js$/, 'ts')} exports no catalogue`)
  return catalogue
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const page of Object.keys(PAGES)) {
    const path = fileURLToPath(new URL(`../${page}`, import.meta.url))
    writeFileSync(path, await render(page, readFileSync(path, 'utf8')))
  }
}
