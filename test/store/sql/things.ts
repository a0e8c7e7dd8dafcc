/** Tables that the tests of databases make, and their rows. */
import type { Row, Table, Value } from '../../../src/store/ports/database.js'
import { bytes, defineTable, id, int, nullable, text } from '../../../src/store/ports/steps.js'
import { TABLES } from '../../../src/store/schema/tables.js'

/** A table with every kind of column and of index. */
export const things = defineTable(
  'things',
  { bucket: int, thingId: id, rank: int, label: text, body: bytes, note: nullable(text), digest: bytes },
  ['bucket', 'thingId'],
  {
    byRank: { columns: ['bucket', 'rank'], isUnique: false },
    byDigest: { columns: ['bucket', 'digest'], isUnique: true },
  },
)
/** A table that is all key. */
export const links = defineTable('links', { bucket: int, fromId: id, toId: id }, ['bucket', 'fromId', 'toId'])
/** A table for tests of empty prefixes, which see every row of it. */
export const counters = defineTable('counters', { bucket: int, total: int, seen: int }, ['bucket'])

export const SUITE_TABLES: readonly Table[] = [things, links, counters, ...TABLES]

export type Thing = ReturnType<typeof thing>

export function thing(bucket: number, thingId: string, rest: Partial<Row> = {}) {
  const digest = Buffer.from(`digest of ${thingId}`).subarray(0, 255)
  const row = { bucket, thingId, rank: 0, label: '', body: Buffer.alloc(0), note: null, digest, ...rest }
  return row as { [K in keyof typeof row]: K extends 'note' ? string | null : (typeof row)[K] }
}

/** A row with what it holds, and nothing of how an engine makes rows and bytes. */
export function plain(row: Row | undefined): Row | undefined {
  if (row === undefined) return undefined
  const isBytes = (value: Value) => value instanceof Uint8Array
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, isBytes(value) ? Buffer.from(value as Buffer) : value]),
  )
}
