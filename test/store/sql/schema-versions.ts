/** Releases that have not been made: what the program's schema may become, in two more migrations. */
import { defineTable, id, int, nullable, text } from '../../../src/store/ports/steps.js'
import { fillRows } from '../../../src/store/schema/fill-rows.js'
import { MIGRATIONS, type Migration } from '../../../src/store/schema/migrations.js'
import { messages } from '../../../src/store/schema/tables.js'

/** Messages as a later release has them. */
export const editedMessages = defineTable(
  messages.name,
  { ...messages.columns, rev: int, mood: nullable(text) },
  ['bucket', 'conversationId', 'seq'],
  {
    byDigest: { columns: ['bucket', 'conversationId', 'digest'], isUnique: true },
    bySender: { columns: ['bucket', 'conversationId', 'senderId'], isUnique: false },
  },
)
/** A table that comes and goes. */
export const reactions = defineTable('reactions', { bucket: int, userId: id, seq: int }, ['bucket', 'userId'])

/** The version of the schema of a release: 1 = this program, 2 and 3 = those after it. */
export const versionOf = (release: number) => MIGRATIONS.length - 1 + release

/** `onSlice`: called before each slice of the messages. */
export function laterMigrations(onSlice: () => void = () => {}, rows = 50): readonly Migration[] {
  const fill = fillRows(editedMessages, {
    what: 'the revisions of messages',
    rows,
    change: ({ rev }) => (rev === 0 ? { rev: 1 } : undefined),
  })
  const slice: typeof fill.slice = (from) => {
    onSlice()
    return fill.slice(from)
  }
  return [
    ...MIGRATIONS,
    {
      number: versionOf(2),
      steps: [
        { kind: 'makeTable', table: reactions },
        { kind: 'addColumn', table: editedMessages, column: 'rev', initial: 0 },
        { kind: 'addColumn', table: editedMessages, column: 'mood', initial: null },
        { kind: 'addIndex', table: editedMessages, index: 'bySender' },
        { ...fill, slice },
      ],
    },
    {
      number: versionOf(3),
      minProgram: versionOf(2),
      steps: [
        { kind: 'dropIndex', table: messages.name, index: 'bySender' },
        { kind: 'dropColumn', table: messages.name, column: 'mood' },
        { kind: 'dropTable', table: reactions.name },
      ],
    },
  ]
}

/** What a release knows. */
export const upTo = (release: number, migrations = laterMigrations()) =>
  migrations.slice(0, versionOf(release))
