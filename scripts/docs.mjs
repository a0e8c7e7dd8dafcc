// Rewrite the generated parts of README.md from what was built: REST paths, settings, errors, metrics.
// Run after the build, as `npm run docs`; `test/docs.test.ts` holds the README to it.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const built = (path) => import(new URL(`../dist/src/${path}`, import.meta.url).href)

/** The README with every generated part up to date. Throws when a marker is missing, and names it. */
export async function render(readme) {
  const { configTable } = await built('config/config.js')
  const { metricsTable } = await built('observe/metrics.js')
  const { restTable } = await built('doors/rest/routes.js')
  let text = replacePart(readme, 'rest', restTable())
  text = replacePart(text, 'settings', configTable())
  text = replacePart(text, 'errors', await errorsTable())
  return replacePart(text, 'metrics', metricsTable())
}

function replacePart(readme, name, content) {
  const begin = `<!-- ${name}:begin -->`
  const end = `<!-- ${name}:end -->`
  const from = readme.indexOf(begin)
  if (from < 0) throw new Error(`README.md lacks the marker ${begin}`)
  const to = readme.indexOf(end, from)
  if (to < 0) throw new Error(`README.md lacks the marker ${end} after ${begin}`)
  return `${readme.slice(0, from + begin.length)}\n${content}\n${readme.slice(to)}`
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
  const path = fileURLToPath(new URL('../README.md', import.meta.url))
  writeFileSync(path, await render(readFileSync(path, 'utf8')))
}
