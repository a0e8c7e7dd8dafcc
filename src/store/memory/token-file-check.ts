/** Reads a token file through, in a process of its own that a damaged file may take down. */
import { writeSync } from 'node:fs'
import { CHECK_BEGINS, type CheckFailure, openEnvironment, readRecords } from './token-file.js'

const STDOUT = 1

/** `path`: the folder of the file. Prints what `token-file.ts` reads. */
export function checkTokenFile(path: string): void {
  writeSync(STDOUT, `${CHECK_BEGINS}\n`)
  try {
    const db = openEnvironment(path)
    for (const _ of readRecords(db));
    // The list of free pages is read with the first write.
    db.transactionSync(() => {
      db.putSync('check', { v: 1, endsS: 0, tokens: [], kicks: [], refreshes: [] })
      db.removeSync('check')
    })
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown }
    const failure: CheckFailure = { code, message }
    writeSync(STDOUT, `${JSON.stringify(failure)}\n`)
    process.exitCode = 1
  }
}
