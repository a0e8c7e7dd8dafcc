/** The catalogue of errors and the code, compared in both directions. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { catalogue } from '../src/errors/catalogue.js'
import * as failures from '../src/errors/errors.js'
import { catalogue as numbers, retryOf } from '../src/openim/catalogue.js'
import { CloseCode } from '../src/openim/close-codes.js'
import { WireCode } from '../src/openim/codes.js'
import { Platform } from '../src/openim/platforms.js'
import { RequestId } from '../src/openim/requests.js'
import { catalogue as ofRuntime } from '../src/runtime/errors.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Codes of the system and of Node: `ENOENT`, `ERR_BUFFER_TOO_LARGE`. */
const OF_THE_SYSTEM = /^(E[A-Z]+|ERR_[A-Z_]+)$/

interface Source {
  file: string
  text: string
}

async function sourcesIn(...dirs: string[]): Promise<Source[]> {
  const lists = await Promise.all(
    dirs.map(async (dir) =>
      (await readdir(join(ROOT, dir), { recursive: true })).map((file) => join(dir, file)),
    ),
  )
  const files = lists.flat().filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(join(ROOT, file), 'utf8') })))
}

const house = await sourcesIn('src', 'actors')
const texts = house.map(({ text }) => text).join('\n')

/** Classes of errors with the codes that each may have. */
function classesIn(text: string): { name: string; codes: string[] }[] {
  const classes = text.matchAll(/class (\w+Error) extends \w+ \{([\s\S]*?)\n\}/g)
  return [...classes].flatMap(([, name, body]) => {
    const declared = /readonly code\b.*/.exec(body!)?.[0] ?? ''
    const codes = [...declared.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!)
    return codes.length === 0 ? [] : [{ name: name!, codes }]
  })
}

t.test('every error class has its rows, every row its class, and each is thrown somewhere', async (t) => {
  const classes = classesIn(texts)
  const codes = new Set(classes.flatMap((one) => one.codes))
  t.same(catalogue.map(({ code }) => code).sort(), [...codes].sort())
  for (const { name, codes } of classes) {
    t.match(texts, new RegExp(`new ${name}\\(`), name)
    // A class with several codes is given one of them.
    if (codes.length > 1) for (const code of codes) t.ok(texts.split(`'${code}'`).length > 3, code)
  }
})

t.test('a row says of a class what the class says of itself', async (t) => {
  const { CodedError, codeOf: _, hasCode: __, ...classes } = failures
  const made = Object.values(classes).map((Failure) => new Failure('x'))
  t.ok(made.every((failure) => failure instanceof CodedError))
  const known = made.map(({ code, retry }) => `${code} ${retry}`)
  const rows = catalogue.map(({ code, retry }) => `${code} ${retry}`)
  t.same(
    known.filter((line) => !rows.includes(line)),
    [],
  )
})

t.test('every code of the runtime is made by it', async (t) => {
  const runtime = house.filter(({ file }) => file.startsWith('src/runtime/')).map(({ text }) => text)
  for (const { code } of ofRuntime) t.ok(runtime.join('\n').split(`'${code}'`).length > 2, code)
})

t.test('codes that are matched on exist, and are matched on by hasCode alone', async (t) => {
  const known = new Set<unknown>([...catalogue, ...ofRuntime].map(({ code }) => code))
  const matched = [...texts.matchAll(/hasCode\([^)]*?'(\w+)'\)/g)].map(([, code]) => code!)
  t.ok(matched.length > 5)
  t.same(
    matched.filter((code) => !known.has(code) && !OF_THE_SYSTEM.test(code)),
    [],
  )
  for (const { file, text } of house) {
    if (file !== 'src/runtime/errors.ts') t.notMatch(text, /\.code [!=]== '|as \{ code\??: string/, file)
  }
})

t.test("every number of OpenIM's that is sent has a row, and every row is sent", async (t) => {
  const senders = house.filter(({ file }) => !/^src\/(openim\/(codes|catalogue)\.ts|sdk\/)/.test(file))
  const used = senders.flatMap(({ text }) => [...text.matchAll(/WireCode\.(\w+)/g)].map(([, name]) => name!))
  const sent = new Set(used.map((name) => WireCode[name as keyof typeof WireCode]))
  sent.delete(WireCode.Success)
  t.same(
    numbers.map(({ code }) => code),
    [...sent].sort((a, b) => a - b),
  )
})

t.test('whether a refused call may be made again follows from its number', async (t) => {
  t.equal(retryOf(WireCode.DatabaseError), 'later')
  t.equal(retryOf(WireCode.ArgsError), 'never')
  t.equal(retryOf(WireCode.TokenKickedError), 'never', 'not the same call')
  t.equal(retryOf(WireCode.Success), 'later', 'nobody has given a number')
})

/** Numbers that mean something else as well: a time in ms, a plain HTTP status. */
const COMMON: readonly number[] = [WireCode.Success, WireCode.ServerInternalError, CloseCode.Normal]
const NAMED = new Set<number>(
  [WireCode, RequestId, CloseCode].flatMap((names) => Object.values<number>(names)),
)
for (const number of COMMON) NAMED.delete(number)

const PLATFORMS = new Set<number>(Object.values(Platform))

/** Fields that hold a number of OpenIM's, whatever number it is. */
const FIELD = /^(errCode|reqIdentifier|closeCode|platformIDs?|platformIds?|PlatformID)$/

/** Numbers written as digits that have a name; `fields` = only as the value of a field that says so. */
function digitsIn({ file, text }: Source, fields: boolean): string[] {
  // Most files need not be parsed.
  if (!/\b\d[\d_]{3,}\b|platformIds?: \d/i.test(text)) return []
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isNumericLiteral(node)) {
      const value = Number(node.text)
      const isOfField = ts.isPropertyAssignment(node.parent) && FIELD.test(node.parent.name.getText())
      const isPlatform = isOfField && /platform/i.test(node.parent.getText()) && PLATFORMS.has(value)
      if (fields ? isOfField && (NAMED.has(value) || isPlatform) : NAMED.has(value) || isPlatform) {
        const { line } = tree.getLineAndCharacterOfPosition(node.getStart())
        found.push(`${file}:${line + 1}: ${node.parent.getText()}`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

t.test("OpenIM's numbers are written in its room alone, and named everywhere else", async (t) => {
  const elsewhere = [...house, ...(await sourcesIn('bench', 'demo'))].filter(
    // MySQL has numbers of its own.
    ({ file }) => !file.startsWith('src/openim/') && !file.startsWith('src/store/sql/mysql/'),
  )
  t.same(
    elsewhere.flatMap((source) => digitsIn(source, false)),
    [],
  )
})

t.test('tests name them too where a field holds one', async (t) => {
  // What a frame looks like byte for byte is written out.
  const golden = /^test\/(openim\/|gateway\/(gob|rfc6455))/
  const tests = (await sourcesIn('test')).filter(({ file }) => !golden.test(file))
  t.same(
    tests.flatMap((source) => digitsIn(source, true)),
    [],
  )
})
