/**
 * Instruments compiled JavaScript for coverage: each function, branch and loop body increments a counter of its own.
 *
 * TypeScript parses; the increments are inserted into the text on the lines that are there, so that stack traces keep
 * their line numbers. V8's own coverage would need no parser, but to read it after each input takes milliseconds;
 * to read the counters takes microseconds.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { COUNTERS } from './coverage.js'

/** The counters of one file, and the words of its code, for the dictionary. */
export interface FileCounters {
  file: string
  first: number
  count: number
  words: string[]
}

const WORD_LENGTH_MAX = 40

/** Copy a build of the project and instrument the copies of the files that `isCounted`, by their paths in the build. */
export function instrumentBuild(
  from: string,
  to: string,
  isCounted: (path: string) => boolean,
): FileCounters[] {
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('.map') })
  const files: FileCounters[] = []
  let first = 0
  for (const file of readdirSync(to, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.js') || !isCounted(file)) continue
    const { code, count, words } = instrument(readFileSync(join(to, file), 'utf8'), first)
    writeFileSync(join(to, file), code)
    files.push({ file, first, count, words })
    first += count
  }
  return files
}

/** Counters are numbered from `first` on. */
export function instrument(source: string, first = 0): { code: string; count: number; words: string[] } {
  const tree = ts.createSourceFile('x.js', source, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS)
  const inserts: { at: number; text: string }[] = []
  const words = new Set<string>()
  let count = 0

  const increment = (): string => `$fuzz[${first + count++}]++`
  const insert = (at: number, text: string): void => void inserts.push({ at, text })
  const countStatement = (statement: ts.Statement): void => {
    if (ts.isBlock(statement)) return insert(statement.getStart() + 1, `${increment()};`)
    insert(statement.getStart(), `{${increment()};`)
    insert(statement.end, '}')
  }
  const countExpression = (expression: ts.Expression): void => {
    insert(expression.getStart(), `(${increment()},`)
    insert(expression.end, ')')
  }

  const visit = (node: ts.Node): void => {
    // Children first: where several statements end at one place, the innermost has to be closed first.
    ts.forEachChild(node, visit)
    const word = wordOf(node)
    if (word !== undefined) words.add(word)
    if (ts.isIfStatement(node)) {
      countStatement(node.thenStatement)
      if (node.elseStatement === undefined) insert(node.thenStatement.end, `else{${increment()}}`)
      else countStatement(node.elseStatement)
    } else if (ts.isIterationStatement(node, false)) countStatement(node.statement)
    else if (ts.isCatchClause(node)) countStatement(node.block)
    else if (ts.isCaseClause(node)) insert(source.indexOf(':', node.expression.end) + 1, `${increment()};`)
    else if (ts.isDefaultClause(node)) insert(source.indexOf(':', node.getStart()) + 1, `${increment()};`)
    else if (ts.isConditionalExpression(node)) {
      countExpression(node.whenTrue)
      countExpression(node.whenFalse)
    } else if (ts.isBinaryExpression(node) && SHORT_CUTS.has(node.operatorToken.kind)) {
      countExpression(node.right)
    } else if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const body = node.body as ts.Block | ts.Expression
      if (ts.isBlock(body)) countStatement(body)
      else countExpression(body)
    }
  }
  visit(tree)
  return { code: `const $fuzz=globalThis.${COUNTERS};${splice(source, inserts)}`, count, words: [...words] }
}

const SHORT_CUTS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
])

/** Constants, and names of fields, may stand in inputs as they are. */
function wordOf(node: ts.Node): string | undefined {
  const isConstant = ts.isStringLiteralLike(node) && !ts.isImportDeclaration(node.parent)
  const isName = ts.isIdentifier(node) && ts.isPropertyAssignment(node.parent)
  if (!isConstant && !isName && !ts.isNumericLiteral(node)) return undefined
  return node.text.length > 0 && node.text.length <= WORD_LENGTH_MAX ? node.text : undefined
}

/** Inserts at the same place stay in their order. */
function splice(source: string, inserts: { at: number; text: string }[]): string {
  const parts: string[] = []
  let from = 0
  for (const { at, text } of inserts.sort((a, b) => a.at - b.at)) {
    parts.push(source.slice(from, at), text)
    from = at
  }
  return parts.join('') + source.slice(from)
}
