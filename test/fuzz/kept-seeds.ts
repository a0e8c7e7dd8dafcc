/**
 * Inputs that are kept as tests: `seeds/<target>.txt`, one a line, its name and its bytes in base64. Those that were
 * findings are named after what is to be; `reach-...` reach code that the target's own seeds do not.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Sources lie where the project begins, however deep the compiled copy of this file is. */
const FOLDER = fileURLToPath(new URL('../../../test/fuzz/seeds/', import.meta.url))

const REACH = 'reach-'

export interface KeptSeed {
  name: string
  input: Uint8Array
}

export function keptSeeds(target: string): KeptSeed[] {
  const path = `${FOLDER}${target}.txt`
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line) => {
    const [name = '', bytes = ''] = line.split(' ')
    return { name, input: Buffer.from(bytes, 'base64') }
  })
}

/** Keep these in place of others that only reach code; findings stay. */
export function keepSeeds(target: string, inputs: readonly Uint8Array[]): void {
  const findings = keptSeeds(target).filter(({ name }) => !name.startsWith(REACH))
  const isKnown = (input: Uint8Array) =>
    findings.some((finding) => Buffer.compare(finding.input, input) === 0)
  const reaching = inputs.filter((input) => !isKnown(input)).map((input) => ({ name: nameOf(input), input }))
  const lines = [...findings, ...reaching].map(
    ({ name, input }) => `${name} ${Buffer.from(input).toString('base64')}\n`,
  )
  writeFileSync(`${FOLDER}${target}.txt`, lines.join(''))
}

function nameOf(input: Uint8Array): string {
  return `${REACH}${createHash('sha256').update(input).digest('hex').slice(0, 8)}`
}
