/**
 * `npm run test:mutations`: break the code in each of the ways in mutations.ts, and see that the simulation notices.
 *
 *   --seeds N     tried for each (default 1,000)
 *   --only TEXT   those whose name has it
 */
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { MUTATIONS, type Mutation } from './mutations.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** Inside the project, so that packages are found from there. */
const COPY = join(ROOT, '.mutant')
const COMPILER = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
}

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return console.log('npm run test:mutations -- [--seeds N] [--only TEXT]')
  const chosen = MUTATIONS.filter(({ name }) => name.includes(values.only))
  const survivors: Mutation[] = []
  await rm(COPY, { recursive: true, force: true })
  await mkdir(COPY)
  try {
    for (const part of ['actors', 'src', 'test']) {
      await cp(join(ROOT, 'dist', part), join(COPY, part), { recursive: true })
    }
    for (const mutation of chosen) if (!(await isCaught(mutation, values.seeds))) survivors.push(mutation)
  } finally {
    await rm(COPY, { recursive: true, force: true })
  }
  console.log(`${chosen.length - survivors.length} of ${chosen.length} mutations were caught`)
  process.exitCode = survivors.length === 0 ? 0 : 1
}

async function isCaught(mutation: Mutation, seeds: string): Promise<boolean> {
  const target = join(COPY, mutation.file.replace(/\.ts$/, '.js'))
  const intact = await readFile(target)
  await writeFile(target, await mutantOf(mutation))
  const run = spawnSync(process.execPath, [join(COPY, 'test/sim/run-sim.js'), '--seeds', seeds, '--stop'], {
    encoding: 'utf8',
  })
  await writeFile(target, intact)
  const report = `${run.stdout}${run.stderr}`
  const seed = /^seed (\d+) fails/m.exec(report)?.[1]
  const rule = /^ {2}(.*, \d+ ms: .*)$/m.exec(report)?.[1] ?? firstError(report)
  console.log(
    seed === undefined ? `SURVIVES  ${mutation.name}` : `caught    ${mutation.name}: seed ${seed}, ${rule}`,
  )
  return seed !== undefined
}

function firstError(report: string): string {
  return /^.*Error.*$/m.exec(report)?.[0].trim() ?? ''
}

async function mutantOf({ name, file, find, replace }: Mutation): Promise<string> {
  const source = await readFile(join(ROOT, file), 'utf8')
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`${name}: the text occurs ${parts.length - 1} times in ${file}`)
  return ts.transpileModule(parts.join(replace), { compilerOptions: COMPILER }).outputText
}
