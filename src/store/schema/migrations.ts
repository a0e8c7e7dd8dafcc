/**
 * The migrations of the schema, oldest first. `docs/how-to-add.md` says what a new one has to keep to.
 *
 * Nodes of two releases run side by side while one is rolled out. So a release expands: it adds what older programs do
 * not know and do not miss. What nobody uses any more is dropped in a later release, when no program runs that needs it.
 */
import type { FillStep, SchemaStep } from '../ports/schema.js'
import {
  blacks,
  conversations,
  followUps,
  friendRequests,
  friends,
  groupRequests,
  groups,
  members,
  memberships,
  notificationAccounts,
  ownGroupRequests,
  records,
  TABLES,
  userCommands,
} from './tables.js'

export interface Migration {
  /** One more than that of the migration before it. A program's version of the schema is the number of its last one. */
  number: number
  steps: readonly (SchemaStep | FillStep)[]
  /** The least number that a program has to know to run once this one has begun; absent = as before. */
  minProgram?: number
}

/**
 * The first makes the tables as this program knows them, or takes those of builds before there were numbers, which lacked
 * some columns. On a new database the later ones find their work done.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    steps: [
      ...TABLES.map((table) => ({ kind: 'makeTable', table }) as const),
      { kind: 'addColumn', table: conversations, column: 'aSeq', initial: 0 },
      { kind: 'addColumn', table: conversations, column: 'bSeq', initial: 0 },
    ],
    minProgram: 1,
  },
  {
    number: 2,
    steps: [
      { kind: 'makeTable', table: notificationAccounts },
      { kind: 'makeTable', table: userCommands },
      { kind: 'makeTable', table: friends },
      { kind: 'makeTable', table: friendRequests },
      { kind: 'makeTable', table: followUps },
      { kind: 'addColumn', table: blacks, column: 'ex', initial: null },
      { kind: 'addIndex', table: blacks, index: 'byTime' },
    ],
  },
  {
    number: 3,
    steps: [
      { kind: 'makeTable', table: groups },
      { kind: 'makeTable', table: members },
      { kind: 'makeTable', table: memberships },
      { kind: 'makeTable', table: groupRequests },
      { kind: 'makeTable', table: ownGroupRequests },
      { kind: 'addColumn', table: records, column: 'atClearedSeq', initial: 0 },
    ],
  },
]

/** What a program makes of a schema: it serves as it is; it has to be migrated; or it is for newer programs alone. */
export type Standing = 'serves' | 'older' | 'tooNew'

export function standingOf(
  migrations: readonly Migration[],
  { version, minProgram }: { version: number; minProgram: number },
): Standing {
  const known = knownBy(migrations)
  if (minProgram > known) return 'tooNew'
  return version < known ? 'older' : 'serves'
}

/** The number of a program's last migration. */
export function knownBy(migrations: readonly Migration[]): number {
  return migrations.at(-1)!.number
}
