/**
 * Inputs that are kept as tests: `seeds/<target>.txt`, one a line, its name and its bytes in base64. Those named after a
 * behaviour were findings once; the others reach code that the target's own seeds do not.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Sources lie where the project begins, however deep the compiled copy of this file is. */
const FOLDER = fileURLToPath(new URL('../../../test/fuzz/seeds/', import.meta.url))

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

export function keepSeeds(target: string, seeds: readonly KeptSeed[]): void {
  const lines = seeds.map(({ name, input }) => `${name} ${Buffer.from(input).toString('base64')}\n`)
  writeFileSync(`${FOLDER}${target}.txt`, lines.join(''))
}
