/** Sizes that ask for a second room, and headers of actors that say what their code does. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LINES_MAX = 400
const CASES_MAX = 20
const FIELDS_MAX = 12
const METHODS_MAX = 12
const FILES_MAX = 20

/** Generated code is as long as its source asks for. */
const isGenerated = (file: string) => file.startsWith('src/openim/proto/')

const sources = ['src', 'actors'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => join(folder, file)),
)
const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const treeOf = (file: string) => ts.createSourceFile(file, textOf(file), ts.ScriptTarget.ES2022, true)

/** Every node of a file, in depth. */
function* nodesIn(node: ts.Node): Generator<ts.Node> {
  yield node
  const children: ts.Node[] = []
  node.forEachChild((child) => void children.push(child))
  for (const child of children) yield* nodesIn(child)
}

t.test(`no file has more than ${LINES_MAX} lines, and no folder more than ${FILES_MAX} files`, async (t) => {
  const folders = new Map<string, number>()
  for (const file of sources) {
    const lines = textOf(file).split('\n').length - 1
    if (!isGenerated(file)) t.ok(lines <= LINES_MAX, `${file}: ${lines} lines`)
    folders.set(dirname(file), (folders.get(dirname(file)) ?? 0) + 1)
  }
  for (const [folder, count] of folders) t.ok(count <= FILES_MAX, `${folder}: ${count} files`)
})

t.test('no switch has too many cases, no state too many fields, no port too many methods', async (t) => {
  for (const file of sources) {
    if (isGenerated(file)) continue
    for (const node of nodesIn(treeOf(file))) {
      if (ts.isSwitchStatement(node)) {
        const cases = node.caseBlock.clauses.filter(ts.isCaseClause).length
        t.ok(cases <= CASES_MAX, `${file}: a switch of ${cases} cases`)
      }
      if (!ts.isInterfaceDeclaration(node)) continue
      const { name, members } = node
      if (name.text === 'State') t.ok(members.length <= FIELDS_MAX, `${file}: ${members.length} fields`)
      if (!file.startsWith('src/store/ports/')) continue
      const methods = members.filter(ts.isMethodSignature).length
      t.ok(methods <= METHODS_MAX, `${file}: ${name.text} has ${methods} methods`)
    }
  }
})

t.test('every file of actors/ says on which thread it lives', async (t) => {
  for (const file of sources.filter((source) => source.startsWith('actors/'))) {
    const thread = file.split('/')[1]!
    const [header] = /^\/\*\*[\s\S]*?\*\//.exec(textOf(file)) ?? ['']
    t.match(header, new RegExp(`Thread:? +${thread}\\b|thread: ${thread}\\b`), file)
  }
})

/** The protocol of an address, by the last name in the expression that leads to it. */
const PROTOCOLS: [RegExp, string][] = [
  [/presenceSync$/, 'PresenceSync'],
  [/tokenSync$/, 'TokenSync'],
  [/clusterSync$/, 'ClusterSync'],
  [/messageSync$/, 'MessageSync'],
  [/^reader$/, 'MessageReader'],
  [/(^|\.)(shards?|shardFor)$/, 'PresenceShard'],
  [/listeners?$/, 'Listener'],
  [/(fanOuts?|fanOutOn)$/, 'FanOut'],
  [/(connection|refOfKey)$/, 'Connection'],
  [/deliveries$/, 'Deliveries'],
  [/\.writer$/, 'MessageWriter'],
  [/\.reader$/, 'MessageReader'],
]

interface Doings {
  timers: Set<string>
  told: Set<string>
}

/** What the code of an actor does: its own file, its folder, and for shards the rules whose effects it carries out. */
function doingsOf(entry: string): Doings {
  const folder = entry.replace(/\.ts$/, '/')
  const isItsOwn = (file: string) =>
    file === entry ||
    file.startsWith(folder) ||
    (entry.startsWith('actors/shard/') && file.startsWith('src/rules/shard/'))
  const doings: Doings = { timers: new Set(), told: new Set() }
  for (const file of sources.filter(isItsOwn)) {
    for (const node of nodesIn(treeOf(file))) {
      if (ts.isPropertyAssignment(node) && node.name.getText() === 'timer') addTimer(doings, node.initializer)
      if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) continue
      const { expression, name } = node.expression
      const [first] = node.arguments
      if (expression.getText() !== 'ctx' || first === undefined) continue
      if (['once', 'every'].includes(name.text)) addTimer(doings, first)
      if (['tell', 'tryTell', 'signal', 'ask'].includes(name.text)) addTold(doings, first, file)
    }
  }
  return doings
}

/** A timer of one thing among several has a name, a blank and its id. */
function addTimer({ timers }: Doings, key: ts.Expression): void {
  if (ts.isStringLiteral(key)) timers.add(key.text)
  if (ts.isTemplateExpression(key)) timers.add(key.head.text.trim())
}

function addTold({ told }: Doings, to: ts.Expression, file: string): void {
  // Without indexes, arguments and types.
  const path = to.getText().replace(/\[[^\]]*\]|\([^)]*\)|<[^>]*>|!/g, '')
  if (path === 'ctx.self') return
  const protocol = PROTOCOLS.find(([pattern]) => pattern.test(path))
  told.add(protocol?.[1] ?? `${path} in ${file}`)
}

/** A list of the header, such as `Timers  a, b` or `Tells  nobody`: what stands in brackets is prose. */
function listed(header: string, label: string): Set<string> {
  const [, rest = ''] = new RegExp(`${label}  ([^\\n]*(?:\\n \\*  {10,}[^\\n]*)*)`).exec(header) ?? []
  const plain = rest.replace(/\([^)]*\)|;[^\n]*/g, '')
  return new Set(
    plain
      .split(/[,\n]/)
      .map((word) => word.replace(/^ \*/, '').trim())
      .filter((word) => word !== '' && word !== 'none' && word !== 'nobody'),
  )
}

const entries = sources.filter((file) => file.startsWith('actors/') && /defineActor[<(]/.test(textOf(file)))

t.test('the header of an actor names the timers that it sets and the actors that it tells', async (t) => {
  t.ok(entries.length >= 7, `${entries.length} actors`)
  for (const entry of entries) {
    const [header] = /^\/\*\*[\s\S]*?\*\//.exec(textOf(entry))!
    const { timers, told } = doingsOf(entry)
    t.same([...listed(header, 'Timers')].sort(), [...timers].sort(), `${basename(entry)}: timers`)
    const tells = [...listed(header, 'Tells')].map((word) => word.replace(/\.Command.*$/, ''))
    t.same([...new Set(tells)].sort(), [...told].sort(), `${basename(entry)}: tells`)
    const own = basename(entry, '.ts').replace(/(^|-)(.)/g, (_, _dash, letter: string) =>
      letter.toUpperCase(),
    )
    t.match(header, new RegExp(`Hears   ${own}\\.Command`), `${basename(entry)}: hears`)
  }
})
