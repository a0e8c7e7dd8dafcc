/** What the command line asks for. Settings come from the environment alone. */

export const USAGE = `Porchlight: a presence gateway that speaks OpenIM's client protocol.

usage: porchlight              start the gateway
       porchlight --check      check the settings and say what would run; starts nothing
       porchlight migrate      bring the schema of the database to this program's; see migrate --help
       porchlight restored     after the database was restored from a backup; see restored --help
       porchlight --version
       porchlight --help

Settings are environment variables, or lines of a file: node --env-file=porchlight.env dist/server/main.js
They are listed in docs/settings.md; docs/production.md says how to run it in production.
`

export const MIGRATE_USAGE = `Brings the schema of the database of messages to what this program knows.

usage: porchlight migrate              migrate, or wait for whoever does
       porchlight migrate --dry-run    say what the database has and what would be done; changes nothing

Nodes do the same when they start. Run it before an upgrade is rolled out, so that no node waits for it then: nodes of the
release before go on serving. It may be stopped and run again at any time; what is done stays.
With the embedded database the node has to be stopped first.
`

const RAISE_BY = 10_000
const RAISE_MAX = 1_000_000_000

export const RESTORED_USAGE = `To be run once after the database was restored from a backup, or lost commits in a fail-over, before the nodes start.

usage: porchlight restored             all conversations go on ${RAISE_BY} numbers further, and clients read all lists anew
       porchlight restored --by N      N numbers further

Clients have seen numbers that the database does not know any more, and drop new messages with such numbers. N has to be more
than what any conversation has lost. Clients show nothing for the numbers between; who had unread messages in a conversation
sees their count greater by N until they open it. Stop all nodes first. It may be run again: numbers go further then.
`

export type Command =
  | { kind: 'serve' | 'check' | 'version' | 'help' | 'migrateHelp' | 'restoredHelp' }
  | { kind: 'migrate'; isDryRun: boolean }
  | { kind: 'restored'; by: number }
  | { kind: 'unknown'; given: string }

const COMMANDS = new Map<string, 'check' | 'version' | 'help'>([
  ['--check', 'check'],
  ['--version', 'version'],
  ['-v', 'version'],
  ['--help', 'help'],
  ['-h', 'help'],
])

const MIGRATE = 'migrate'
const DRY_RUN = '--dry-run'
const RESTORED = 'restored'
const BY = '--by'

/** `--help` anywhere wins; then an unknown argument; then the first argument. */
export function commandOf(args: readonly string[]): Command {
  if (args[0] === MIGRATE) return migrateCommandOf(args.slice(1))
  if (args[0] === RESTORED) return restoredCommandOf(args.slice(1))
  const kinds = args.map((arg) => COMMANDS.get(arg))
  if (kinds.includes('help')) return { kind: 'help' }
  const unknownAt = kinds.indexOf(undefined)
  if (unknownAt >= 0) return { kind: 'unknown', given: args[unknownAt]! }
  return { kind: kinds[0] ?? 'serve' }
}

function migrateCommandOf(args: readonly string[]): Command {
  if (args.some((arg) => COMMANDS.get(arg) === 'help')) return { kind: 'migrateHelp' }
  const given = args.find((arg) => arg !== DRY_RUN)
  return given === undefined ? { kind: 'migrate', isDryRun: args.length > 0 } : { kind: 'unknown', given }
}

function restoredCommandOf(args: readonly string[]): Command {
  if (args.some((arg) => COMMANDS.get(arg) === 'help')) return { kind: 'restoredHelp' }
  if (args.length === 0) return { kind: 'restored', by: RAISE_BY }
  const [name, value, more] = args
  const by = Number(value)
  if (name === BY && more === undefined && Number.isInteger(by) && by >= 1 && by <= RAISE_MAX)
    return { kind: 'restored', by }
  return { kind: 'unknown', given: (name === BY ? (more ?? value) : name) ?? BY }
}
