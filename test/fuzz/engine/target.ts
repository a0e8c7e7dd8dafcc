/** What is fuzzed: a function that takes bytes, and what it promises of any. */
import { codeOf } from '../../../src/errors/errors.js'

export interface Target {
  readonly name: string
  /** For `--list`: what is read, and what it promises beside the bounds. */
  readonly what: string
  /** Longest input tried, bytes. */
  readonly bytesMax: number
  /** Counted steps (functions, branches and loop bodies entered) that n bytes may cost: base + perByte n. */
  readonly steps: { readonly base: number; readonly perByte: number }
  /** Good inputs to begin with, as the code itself writes them. */
  seeds(): Uint8Array[]
  /** Called once before all inputs. */
  open(): Run | Promise<Run>
}

/**
 * Throws, or rejects, when the input breaks a promise. Returns how many bytes the code under test was given, where those
 * are not the input's own.
 */
export type Run = (input: Uint8Array) => number | void | Promise<void>

/** Longest input of a target that does not say otherwise: more than MESSAGE_BYTES_MAX and a REST body are by default. */
export const INPUT_BYTES_MAX = 65_536

/** Errors with these codes are answers; any other is a finding. Returns undefined for an answer of the kind. */
export function refusing<T>(codes: readonly string[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}
