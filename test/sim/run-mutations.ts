/**
 * `npm run test:mutations`: break the code in each of the ways in mutations.ts, and see that the simulation notices; break
 * the scripts in each of the ways in lua-mutations.ts, and see that the differential test of the stores notices.
 * `--help` says more.
 */
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { LUA_MUTATIONS, type LuaMutation } from '../store/twins/lua-mutations.js'
import { MESSAGE_MUTATIONS, type MessageMutation } from './messages/mutations.js'
import { MUTATIONS, type Mutation } from './mutations.js'

const HELP = `npm run test:mutations -- [OPTION...]

  --seeds N        of the simulation, tried for each mutation of TypeScript (default 1,000)
  --sequences N    of the differential test, tried for each mutation of Lua (default 2,000)
  --only TEXT      those whose name has it; all of Lua have "lua:", of messages "messages:"
  --help           this`

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** Inside the project, so that packages are found from there. */
const COPY = join(ROOT, '.mutant')
const COMPILER = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
}

/** How the test of a broken copy is run, and what it says when it notices. */
interface Trial {
  mutation: Mutation
  args: string[]
  noticed: RegExp
}

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      sequences: { type: 'string', default: '2000' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return console.log(HELP)
  const trials = [
    ...MUTATIONS.map((mutation) => simulated(mutation, ['--of', 'presence'], values.seeds)),
    ...MESSAGE_MUTATIONS.map((mutation) => simulated(mutation, kindOf(mutation), values.seeds)),
    ...LUA_MUTATIONS.map((mutation) => compared(mutation, values.sequences)),
  ].filter(({ mutation }) => mutation.name.includes(values.only))
  let caught = 0
  await rm(COPY, { recursive: true, force: true })
  await mkdir(COPY)
  try {
    for (const part of ['actors', 'src', 'test']) {
      await cp(join(ROOT, 'dist', part), join(COPY, part), { recursive: true })
    }
    for (const trial of trials) if (await isCaught(trial)) caught++
  } finally {
    await rm(COPY, { recursive: true, force: true })
  }
  console.log(`${caught} of ${trials.length} mutations were caught`)
  process.exitCode = caught === trials.length ? 0 : 1
}

function simulated(mutation: Mutation, kind: string[], seeds: string): Trial {
  const args = ['test/sim/run-sim.js', ...kind, '--seeds', seeds, '--stop']
  return { mutation, args, noticed: /^seed \d+ fails/m }
}

function kindOf({ faults }: MessageMutation): string[] {
  return ['--of', 'messages', ...(faults.length > 0 ? ['--faults', faults.join()] : [])]
}

function compared(mutation: LuaMutation, sequences: string): Trial {
  const chosen = ['--family', mutation.family, '--sequences', sequences, '--seed', '1', '--quick']
  return {
    mutation,
    args: ['test/store/twins/run-twins.js', ...chosen],
    noticed: new RegExp(`^${mutation.family}: the stores differ at `, 'm'),
  }
}

async function isCaught({ mutation, args, noticed }: Trial): Promise<boolean> {
  const target = join(COPY, mutation.file.replace(/\.ts$/, '.js'))
  const intact = await readFile(target)
  await writeFile(target, await mutantOf(mutation))
  const [script = '', ...rest] = args
  const run = spawnSync(process.execPath, [join(COPY, script), ...rest], { encoding: 'utf8' })
  await writeFile(target, intact)
  const report = `${run.stdout}${run.stderr}`
  const isNoticed = noticed.test(report)
  console.log(isNoticed ? `caught    ${mutation.name}: ${evidence(report)}` : `SURVIVES  ${mutation.name}`)
  return isNoticed
}

/** In one line. */
function evidence(report: string): string {
  const [, seed] = /^(seed \d+) fails/m.exec(report) ?? []
  const rule =
    /^ {2}(.*, \d+ ms: .*)$/m.exec(report)?.[1] ?? /^.*(?:stores differ|Error).*$/m.exec(report)?.[0].trim()
  return [seed, rule].filter((part) => part !== undefined).join(', ')
}

async function mutantOf({ name, file, find, replace }: Mutation): Promise<string> {
  const source = await readFile(join(ROOT, file), 'utf8')
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`${name}: the text occurs ${parts.length - 1} times in ${file}`)
  const mutant = parts.join(replace)
  return file.endsWith('.lua') ? mutant : ts.transpileModule(mutant, { compilerOptions: COMPILER }).outputText
}
