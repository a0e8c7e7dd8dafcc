/** Loads the native library that fits this machine, after a look at its bytes. */
import type * as Uws from 'uWebSockets.js'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { BinaryMismatchError } from '../../../errors/errors.js'
import { requireHere } from '../../../files/entry.js'
import { BINARY_FILE, NATIVE_BINARIES, type NativeBinary } from './native-binaries.js'

export interface ThisMachine {
  platform: NodeJS.Platform
  arch: string
  abi: string
  /** The path of a package's file; throws when the package is not installed. */
  resolve(file: string): string
}

function thisMachine(): ThisMachine {
  return {
    platform: process.platform,
    arch: process.arch,
    abi: process.versions.modules,
    resolve: requireHere().resolve,
  }
}

export type LoadedNative =
  | { uws: typeof Uws; release: string }
  | { uws?: never; release?: never; why: string }

/**
 * The library, or why there is none: no binary is known for this machine, none is installed, or the system cannot load
 * it. Throws BINARY_MISMATCH when a file is there whose bytes are not those that were checked in: nothing of it runs.
 */
export function loadNative(machine: ThisMachine = thisMachine()): LoadedNative {
  const { platform, arch, abi } = machine
  const fitting = NATIVE_BINARIES.filter(
    (binary) => binary.platform === platform && binary.arch === arch && binary.abi === abi,
  )
  if (fitting.length === 0) {
    return { why: `no checked binary for ${platform} ${arch} with Node ABI ${abi}` }
  }
  const reasons: string[] = []
  for (const binary of fitting) {
    try {
      // CommonJS on purpose: a failing native module must be an exception here, not a failed import of this file.
      return { uws: requireHere()(checkedFile(binary, machine)) as typeof Uws, release: binary.release }
    } catch (error) {
      if (error instanceof BinaryMismatchError) throw error
      reasons.push(`${binary.package}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  return { why: reasons.join('; ') }
}

function checkedFile(binary: NativeBinary, machine: ThisMachine): string {
  const file = machine.resolve(`${binary.package}/${BINARY_FILE}`)
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  if (sha256 === binary.sha256) return file
  throw new BinaryMismatchError(
    `${file} is not the file that was checked in for uWebSockets.js ${binary.release}: its SHA-256 is ${sha256}, ` +
      `expected ${binary.sha256}. It was not loaded. Install anew (npm ci), or set TRANSPORT=ws.`,
  )
}
