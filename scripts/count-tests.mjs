// The closing lines of the pipeline: what failed in the last run, then how many tests passed and failed, lint being
// one more.
//
// tap keeps each file's results in .tap/test-results; a test is a `t.test`, whose line has a duration. What failed is
// said once more at the end, because a long log is often kept by its end alone. Exits with 1 when anything failed.
import { readdirSync, readFileSync } from 'node:fs'

const LINES_OF_A_FAILURE = 40

const results = new URL('../.tap/test-results/', import.meta.url)
const aStepFailed = process.argv[2] !== '0'

let passed = 0
let failed = 0
for (const file of readdirSync(results, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.tap')) continue
  const lines = readFileSync(new URL(file, results), 'utf8').split('\n')
  for (const [i, line] of lines.entries()) {
    const outcome = /^\s*(not )?ok \d+ - .*# time=/.exec(line)
    if (outcome !== null && outcome[1] === undefined) passed++
    if (outcome !== null && outcome[1] !== undefined) failed++
    if (/^\s*(not ok|Bail out!)/.test(line)) console.log(`${file}: ${withItsReport(lines, i)}`)
  }
}
if (aStepFailed && failed === 0) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)

/** The line of a failure and the report that follows it, between `---` and `...`. */
function withItsReport(lines, at) {
  const rest = lines.slice(at, at + LINES_OF_A_FAILURE)
  const end = rest.findIndex((line) => line.trim() === '...')
  return rest.slice(0, end < 0 ? LINES_OF_A_FAILURE : end).join('\n')
}
