// The closing line of the pipeline: how many tests of the last run passed and failed, lint being one more.
//
// tap keeps each file's results in .tap/test-results; a test is a `t.test`, whose line has a duration. Exits with 1
// when anything failed.
import { readdirSync, readFileSync } from 'node:fs'

const results = new URL('../.tap/test-results/', import.meta.url)
const aStepFailed = process.argv[2] !== '0'

let passed = 0
let failed = 0
for (const file of readdirSync(results, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.tap')) continue
  for (const line of readFileSync(new URL(file, results), 'utf8').split('\n')) {
    const outcome = /^\s*(not )?ok \d+ - .*# time=/.exec(line)
    if (outcome === null) continue
    if (outcome[1] === undefined) passed++
    else failed++
  }
}
if (aStepFailed && failed === 0) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
