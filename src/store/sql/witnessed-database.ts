/**
 * A database that may go back: after a fail-over that lost commits, or a restore, it knows lower numbers than clients have
 * been told. Clients drop a message whose number they have seen, so no number may be given twice.
 *
 * A writer remembers the numbers that it has committed, and does not believe a row that it locks and that has lower ones:
 * they go on from what it remembers. The numbers between are holes, which readers fill with placeholders. A list whose
 * version went back gets another ID, so clients read it anew.
 */
import { RecentMap } from '../../rules/recent-map.js'
import type { Database, Operation, RowOf, Step } from '../ports/database.js'
import { conversations, versions } from '../schema/tables.js'

/** Conversations, and lists, that are remembered: those that changed last; about 15 MB. */
const REMEMBERED_MAX = 65_536

type Head = RowOf<typeof conversations>
type Version = RowOf<typeof versions>
type Numbers = Pick<Head, 'maxSeq' | 'lastMs'>

export interface WitnessOptions {
  newVersionId: () => string
  /** Hears of rows that were locked and had gone back. */
  wentBack(rows: number): void
}

export class WitnessedDatabase implements Database {
  readonly #database: Database
  readonly #options: WitnessOptions
  readonly #numbers = new RecentMap<string, Numbers>(REMEMBERED_MAX)
  readonly #versions = new RecentMap<string, number>(REMEMBERED_MAX)

  constructor(database: Database, options: WitnessOptions) {
    this.#database = database
    this.#options = options
  }

  async write<T>(begin: () => Operation<T>): Promise<T> {
    let put: Step[] = []
    const result = await this.#database.write(() => {
      put = []
      return this.#witness(begin(), put)
    })
    // What may not have been done makes no number: there would be a hole where nothing was lost.
    for (const step of put) this.#remember(step)
    return result
  }

  read<T>(begin: () => Operation<T>): Promise<T> {
    return this.#database.read(begin)
  }

  clockMs(): Promise<number> {
    return this.#database.clockMs()
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  *#witness<T>(operation: Operation<T>, put: Step[]): Operation<T> {
    let next = operation.next()
    while (!next.done) {
      const step = next.value
      if (step.kind === 'put') put.push(step)
      const answer = yield step
      next = operation.next(step.kind === 'lock' ? this.#corrected(step.table, answer) : answer)
    }
    return next.value
  }

  #corrected(table: Step['table'], answer: unknown): unknown {
    if (table === conversations) return this.#told(answer as Head[], (head) => this.#correctHead(head))
    if (table === versions) return this.#told(answer as Version[], (version) => this.#correctVersion(version))
    return answer
  }

  #told<R>(rows: readonly R[], correct: (row: R) => R): R[] {
    const corrected = rows.map(correct)
    const count = corrected.filter((row, index) => row !== rows[index]).length
    if (count > 0) this.#options.wentBack(count)
    return corrected
  }

  #correctHead(head: Head): Head {
    const known = this.#numbers.get(head.conversationId)
    if (known === undefined || head.maxSeq >= known.maxSeq) return head
    return { ...head, maxSeq: known.maxSeq, lastMs: Math.max(head.lastMs, known.lastMs) }
  }

  #correctVersion(version: Version): Version {
    const known = this.#versions.get(nameOf(version))
    if (known === undefined || version.version >= known) return version
    return { ...version, version: known, versionId: this.#options.newVersionId() }
  }

  #remember(step: Step): void {
    if (step.kind !== 'put') return
    if (step.table === conversations) {
      for (const { conversationId, maxSeq, lastMs } of step.rows as readonly Head[])
        this.#numbers.set(conversationId, { maxSeq, lastMs })
    } else if (step.table === versions) {
      for (const row of step.rows as readonly Version[]) this.#versions.set(nameOf(row), row.version)
    }
  }
}

function nameOf({ ownerId, list }: Version): string {
  return `${list}:${ownerId}`
}
