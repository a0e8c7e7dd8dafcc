/** `npm run test:twins`: many sequences of the differential test of the two stores. `--help` says more. */
import { parseArgs } from 'node:util'
import { whole } from '../../support/whole.js'
import { check } from './check.js'
import { FAMILIES } from './steps.js'

const HELP = `npm run test:twins -- [OPTION...]

  --sequences N    of each family (default 2,000)
  --seed S         from which they are drawn (default: a new one); the same seed draws the same sequences
  --family NAME    only this one: ${Object.keys(FAMILIES).join(', ')}
  --quick          end at the first difference, and do not shorten it
  --help           this

Plays random sequences of calls on the embedded store and on a real redis-server, and compares each outcome. Ends with 1
when the two differ.`

const { values } = parseArgs({
  options: {
    sequences: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 2 ** 30)) },
    family: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
})

if (values.help) console.log(HELP)
else await main()

async function main(): Promise<void> {
  const { family, quick: isQuick } = values
  if (family !== undefined && !Object.hasOwn(FAMILIES, family))
    throw new RangeError(`there is no family ${family}`)
  const [sequences, seed] = [whole(values.sequences), whole(values.seed)]
  console.log(`seed ${seed}`)
  const startedMs = performance.now()
  const findings = await check({ sequences, seed, isQuick, ...(family === undefined ? {} : { family }) })
  for (const { family, steps, error } of findings) {
    console.log(`${family}: ${error}\n  after ${JSON.stringify(steps)}`)
  }
  const seconds = (performance.now() - startedMs) / 1_000
  console.log(
    `${findings.length === 0 ? 'no differences' : `${findings.length} families differ`}, ${seconds.toFixed(1)} s`,
  )
  process.exitCode = findings.length === 0 ? 0 : 1
}
