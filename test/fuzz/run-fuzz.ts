/** `npm run test:fuzz`: look for inputs that break what the readers of strangers' bytes promise. `--help` says more. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Campaign, type Progress } from './engine/campaign.js'
import type { Finding } from './engine/fuzzer.js'
import type { Target } from './engine/target.js'
import { keepSeeds, keptSeeds } from './kept-seeds.js'
import { LIVE, runLive } from './live.js'
import { targets } from './targets.js'

const HELP = `npm run test:fuzz -- [OPTION...]

  --minutes M      in all, shared by the targets (default 10)
  --target NAME    only this one; may be given again (default: all)
  --workers N      targets under way at a time (default 2)
  --seed N         of the changes (default: a new one); the same seed tries the same inputs
  --keep           inputs that reach new code, as seeds for the tests
  --replay FILE    run one input of --target again
  --list           name the targets and end
  --help           this

Ends with 1 when there is a finding. Its input, as short as it could be made, is written to .fuzz-findings/.`

const FINDINGS = '.fuzz-findings'
const SAY_EVERY = 10

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    target: { type: 'string', multiple: true, default: [] },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    keep: { type: 'boolean' },
    replay: { type: 'string' },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})

if (values.help) console.log(HELP)
else if (values.list) {
  for (const { name, what } of [...targets, LIVE]) console.log(`${name.padEnd(12)} ${what}`)
} else if (values.replay !== undefined) await replay(values.replay)
else await main()

async function main(): Promise<void> {
  const names = values.target.length > 0 ? values.target : [...targets, LIVE].map(({ name }) => name)
  const unknown = names.filter(
    (name) => name !== LIVE.name && targets.every((target) => target.name !== name),
  )
  if (unknown.length > 0) throw new RangeError(`there is no target ${unknown.join(', ')}; --list names them`)
  const [seed, workers] = [whole(values.seed, 0), whole(values.workers, 1)]
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new RangeError('--minutes is a number above 0')
  console.log(`seed ${seed}`)
  const waiting = targets.filter(({ name }) => names.includes(name))
  const lanes = Math.min(workers, Math.max(1, waiting.length))
  const isLive = names.includes(LIVE.name)
  // Rounds: as many turns as the longest lane has, and the live node, which is alone.
  const turns = Math.ceil(waiting.length / lanes) + (isLive ? 1 : 0)
  const ms = (minutes * 60_000) / turns
  let findings = 0
  if (waiting.length > 0) {
    const campaign = new Campaign()
    try {
      const lane = async (): Promise<void> => {
        for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
          findings += await fuzz(campaign, target, seed, ms)
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
    } finally {
      campaign.close()
    }
  }
  if (isLive) findings += await live(seed, ms)
  console.log(findings === 0 ? 'no finding' : `${findings} findings`)
  // A live node's threads are no reason to stay.
  process.exit(findings === 0 ? 0 : 1)
}

async function fuzz(campaign: Campaign, target: Target, seed: number, ms: number): Promise<number> {
  const startedMs = performance.now()
  let second = 0
  const say = ({ executions, corpus, reached }: Progress): void => {
    const seconds = (performance.now() - startedMs) / 1_000
    console.log(
      `${target.name.padEnd(12)} ${seconds.toFixed(0).padStart(5)} s  ${executions} inputs, ` +
        `${Math.round(executions / seconds)}/s, ${reached} counters reached, ${corpus} kept`,
    )
  }
  const seeds = keptSeeds(target.name).map(({ input }) => input)
  const outcome = await campaign.run({
    target,
    seed,
    seeds,
    ms,
    progress: (progress) => {
      if (second++ % SAY_EVERY === 0) say(progress)
    },
    found: (finding) => report(target.name, finding),
  })
  say(outcome)
  if (values.keep) keepSeeds(target.name, outcome.essential)
  return outcome.findings.length
}

async function live(seed: number, ms: number): Promise<number> {
  const faults = await runLive({ seed, ms, say: console.log })
  for (const fault of faults) console.log(`FINDING in ${LIVE.name}: ${fault}`)
  return faults.length
}

function report(target: string, { kind, message, input }: Finding): void {
  mkdirSync(FINDINGS, { recursive: true })
  const path = `${FINDINGS}/${target}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`
  writeFileSync(path, input)
  console.log(`FINDING in ${target} (${kind}): ${message}`)
  console.log(`  ${input.length} bytes: npm run test:fuzz -- --target ${target} --replay ${path}`)
}

async function replay(path: string): Promise<void> {
  const target = targets.find(({ name }) => name === values.target[0])
  if (target === undefined) throw new RangeError('--replay needs the --target that the input is of')
  const campaign = new Campaign()
  try {
    const { findings } = await campaign.run({
      target,
      seed: 1,
      seeds: [readFileSync(path)],
      executionsMax: 0,
    })
    for (const { kind, message } of findings) console.log(`${kind}: ${message}`)
    if (findings.length === 0) console.log('no finding')
    process.exitCode = findings.length === 0 ? 0 : 1
  } finally {
    campaign.close()
  }
}

function whole(text: string, min: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < min)
    throw new RangeError(`${text} is no whole number from ${min} on`)
  return value
}
