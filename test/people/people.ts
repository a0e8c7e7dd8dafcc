/** Users of random histories, on a database without a node; and the same history on each engine. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Test } from 'tap'
import { bucketOfUser } from '../../src/rules/messages/bucket.js'
import { CallRefusedError } from '../../src/services/call-refused.js'
import type { OperationContext } from '../../src/services/operations/operation.js'
import { carryOut, type InputOf, type OperationName } from '../../src/services/operations/table.js'
import type { Database } from '../../src/store/ports/database.js'
import { put } from '../../src/store/ports/steps.js'
import { TABLES, users } from '../../src/store/schema/tables.js'
import { MysqlDatabase } from '../../src/store/sql/mysql/mysql-database.js'
import { migrate } from '../../src/store/sql/schema/migrate.js'
import { SqliteDatabase } from '../../src/store/sql/sqlite/sqlite-database.js'
import { startMariadb } from '../support/mariadb-server.js'
import { SETTINGS } from '../support/operation-settings.js'
import { DatabaseModel } from '../world/database.js'

export const NAMES = ['ann', 'Ann', 'bob', 'cid', 'dan']
/** The users of one history. Their names end in its suffix, so that histories on one database do not touch. */
export class People {
  #nowMs = 1_000
  #ids = 0

  constructor(
    readonly database: Database,
    readonly suffix: string,
  ) {}

  nameOf(index: number): string {
    return `${NAMES[index]}${this.suffix}`
  }

  get all(): string[] {
    return NAMES.map((_, index) => this.nameOf(index))
  }

  async register(): Promise<void> {
    const rest = { nickname: '', faceUrl: '', ex: '', createdMs: 0, level: 0, recvOpt: 0 }
    const rows = this.all.map((userId) => ({ bucket: bucketOfUser(userId), userId, ...rest }))
    await this.database.write(() => put(users, rows))
  }

  /** The answer, or the number of the refusal. */
  call<N extends OperationName>(operation: N, userId: string, input: InputOf<N>) {
    return this.#call(operation, userId, false, input)
  }

  callAsAdmin<N extends OperationName>(operation: N, input: InputOf<N>) {
    return this.#call(operation, 'admin', true, input)
  }

  /** The time of the next act. */
  tick(): number {
    this.#nowMs += 10
    return this.#nowMs
  }

  async #call<N extends OperationName>(operation: N, userId: string, isAdmin: boolean, input: InputOf<N>) {
    const context: OperationContext = {
      caller: { userId, isAdmin, operationId: 'test' },
      nowMs: this.tick(),
      newId: () => `${this.suffix}-${++this.#ids}`,
      settings: SETTINGS,
      deliveries: [],
      followUps: [],
    }
    try {
      const output = await this.database.write(() => carryOut(operation, context, JSON.stringify(input)))
      return JSON.parse(output as string)
    } catch (error) {
      if (error instanceof CallRefusedError) return { refused: error.errCode }
      throw error
    }
  }
}

export type Act = (people: People) => Promise<unknown>

/** Acts, and who looks at their lists after each: clients look at different times. */
export type History = [acts: Act[], looks: number[]]

/** One of the users, by their place. */
export const who = fc.nat({ max: NAMES.length - 1 })

const ACTS_MAX = 60

export function historyOf(act: fc.Arbitrary<Act>): fc.Arbitrary<History> {
  return fc.tuple(
    fc.array(act, { minLength: 20, maxLength: ACTS_MAX, size: 'max' }),
    fc.array(who, { minLength: ACTS_MAX, maxLength: ACTS_MAX }),
  )
}

/** Gives all answers, without the names that are the history's own. */
type Play = (database: Database, suffix: string, history: History) => Promise<unknown>

/** On the model, which is quick. */
export async function playMany(t: Test, history: fc.Arbitrary<History>, play: Play): Promise<void> {
  const database = new DatabaseModel().connect()
  let count = 0
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      await play(database, `-${++count}-`, given)
    }),
    { numRuns: 40 },
  )
  t.pass(`${count} histories`)
}

/** On SQLite, MariaDB and the model: the answers have to be the same. */
export async function playOnEach(t: Test, history: fc.Arbitrary<History>, play: Play): Promise<void> {
  const mariadb = await startMariadb()
  t.teardown(() => mariadb.stop())
  const server = await MysqlDatabase.open({
    address: mariadb.address,
    writersMax: 2,
    readersMax: 2,
    statementMs: 5_000,
  })
  t.teardown(() => server.close())
  await migrate({ database: server, holder: 'test', tell: () => {} })
  const file = SqliteDatabase.open({ path: ':memory:', readOnly: false })
  t.teardown(() => file.close())
  file.create(TABLES)
  const model = new DatabaseModel().connect()
  let count = 0
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const suffix = `-${++count}-`
      const [one, ...others] = await Promise.all(
        [file, server, model].map((database) => play(database, suffix, given)),
      )
      for (const other of others) assert.deepEqual(other, one)
    }),
    { numRuns: 6 },
  )
  t.pass(`${count} histories`)
}
