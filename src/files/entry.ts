/**
 * Where the program lies. Its entry says so first thing, in each process and on each thread, so that no other file needs
 * to know its own place: the whole may be one file.
 */
import { createRequire } from 'node:module'

let entry: string | undefined

/** `url`: of the file that node was started with, or the thread. */
export function setEntry(url: string): void {
  entry = url
}

/** Throws when nobody has called `setEntry`. */
export function entryUrl(): URL {
  if (entry === undefined) throw new Error('The entry of the program is not known: call setEntry first.')
  return new URL(entry)
}

/** Loads what has to be loaded at once, as CommonJS does, from the packages of the program. */
export function requireHere(): NodeJS.Require {
  return createRequire(entryUrl())
}
