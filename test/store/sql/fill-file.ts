/** A process of its own, whose files may not grow beyond a limit: it writes until no more can be written. */
import { count, insert } from '../../../src/store/ports/steps.js'
import { SqliteDatabase } from '../../../src/store/sql/sqlite/sqlite-database.js'
import { thing, things } from './things.js'

export interface Filled {
  /** Rows whose write was answered. */
  acknowledged: number
  /** How the next one failed. */
  code: string | undefined
  /** Rows that can be read afterwards. */
  readable: number
}

const body = Buffer.alloc(10_000)
const database = SqliteDatabase.open({ path: process.argv[2]!, readOnly: false })
database.create([things])
let acknowledged = 0
let code: string | undefined
while (code === undefined) {
  try {
    // Two steps, so that there is something to be rolled back.
    await database.write(function* () {
      yield* insert(things, [thing(1, `a${acknowledged}`, { body })])
      yield* insert(things, [thing(1, `b${acknowledged}`, { body })])
    })
    acknowledged += 2
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error)
  }
}
const readable = await database.read(() => count(things, [1]))
const filled: Filled = { acknowledged, code, readable }
console.log(JSON.stringify(filled))
