/** What the command line asks for. Settings come from the environment alone. */

export const USAGE = `Porchlight: a presence gateway that speaks OpenIM's client protocol.

usage: porchlight              start the gateway
       porchlight --check      check the settings and say what would run; starts nothing
       porchlight --version
       porchlight --help

Settings are environment variables, or lines of a file: node --env-file=porchlight.env dist/src/main.js
They are listed in docs/settings.md; docs/production.md says how to run it in production.
`

export type Command = { kind: 'serve' | 'check' | 'version' | 'help' } | { kind: 'unknown'; given: string }

const COMMANDS = new Map<string, 'check' | 'version' | 'help'>([
  ['--check', 'check'],
  ['--version', 'version'],
  ['-v', 'version'],
  ['--help', 'help'],
  ['-h', 'help'],
])

/** `--help` anywhere wins; then an unknown argument; then the first argument. */
export function commandOf(args: readonly string[]): Command {
  const kinds = args.map((arg) => COMMANDS.get(arg))
  if (kinds.includes('help')) return { kind: 'help' }
  const unknownAt = kinds.indexOf(undefined)
  if (unknownAt >= 0) return { kind: 'unknown', given: args[unknownAt]! }
  return { kind: kinds[0] ?? 'serve' }
}
