/** `npm run test:chaos`: Redis of every form through every fault that leaves it answering. */
import { parseArgs } from 'node:util'
import { withTeardown } from '../support/teardown.js'
import { befall, Crowd } from './chaos.js'
import { FAULTS } from './faults.js'
import { FORMS, startPlace } from './places.js'

const HELP = `npm run test:chaos -- [OPTION...]

  --form NAME   single, cluster or sentinel (default: one after another)
  --help        this

Ends with 1 when a node did not say what was wrong, was not ready again, or when sockets, watchers and Redis differ.`

const { values } = parseArgs({ options: { form: { type: 'string' }, help: { type: 'boolean' } } })
if (values.help) console.log(HELP)
else process.exitCode = await main()
process.exit()

async function main(): Promise<number> {
  const forms = FORMS.filter((form) => values.form === undefined || values.form === form)
  if (forms.length === 0) throw new RangeError(`--form is one of ${FORMS.join(', ')}`)
  let failed = 0
  for (const form of forms) {
    await withTeardown(async (test) => {
      const place = await startPlace(test, form)
      const crowd = new Crowd(place)
      await crowd.come()
      for (const [round, fault] of FAULTS[form].entries()) {
        const sinceMs = performance.now()
        const problems = await befall(place, crowd, fault, round)
        const seconds = ((performance.now() - sinceMs) / 1_000).toFixed(1)
        console.log(
          `${form.padEnd(9)} ${fault.name.padEnd(40)} ${seconds.padStart(6)} s  ${problems.length === 0 ? 'agreed' : 'FAILED'}`,
        )
        for (const problem of problems) console.log(`  ${problem}`)
        if (problems.length > 0) failed++
      }
    })
  }
  return failed === 0 ? 0 : 1
}
