/**
 * The kinds of settings: how the text of an environment variable becomes a value, and what counts as a bad one.
 * Each kind says in words what it expects; those words serve the error message and docs/settings.md alike.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { parseNetwork } from '../net/networks.js'
import { readOriginPattern } from '../net/origin.js'

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS

/** The value of an unset variable whose default is worked out from the machine or from other settings (`defaults.ts`). */
export const WORKED_OUT = -1

/** One row of the settings table. */
export interface Setting<T> {
  readonly env: string
  /** Used when the variable is unset or empty; written as the variable would be. */
  readonly default?: string
  /** What the documentation shows as the default, where it is worked out at start. */
  readonly defaultDoc?: string
  /** The value when the variable is unset and the row has no default. */
  readonly absent: T
  readonly expected: string
  readonly doc: string
  /** The value may hold a secret: it is never repeated in a message. */
  readonly secret: boolean
  readonly schema: z.ZodType<T, string>
}

/** What each row says, whatever its kind. */
export interface Row {
  env: string
  default?: string
  defaultDoc?: string
  doc: string
}

/** A row of a kind; `absent` is the value of an unset variable. */
export function setting<T>(
  row: Row,
  absent: T,
  expected: string,
  schema: z.ZodType<T, string>,
  secret = false,
): Setting<T> {
  return { ...row, absent, expected, schema, secret }
}

/** Read text with a function that returns undefined for a bad value. */
export function reader<T>(read: (text: string) => T | undefined): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const value = read(text)
    if (value === undefined) context.addIssue({ code: 'custom', message: 'not as expected' })
    return value as T
  })
}

/** Comma-separated items, each read with a function that returns undefined for a bad one. */
export function listReader<T>(read: (item: string) => T | undefined): z.ZodType<readonly T[], string> {
  return reader((text) => {
    const values = splitList(text).map(read)
    return values.includes(undefined) ? undefined : (values as T[])
  })
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** A whole number from `min` to `max`, both allowed; `absent` (0) where it is absent and has no default. */
export function int(
  row: Omit<Row, 'default'> & { default?: number; absent?: number; min: number; max: number },
): Setting<number> {
  const { min, max, default: byDefault, absent = 0, ...rest } = row
  const schema = reader((text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  })
  return setting(
    byDefault === undefined ? rest : { ...rest, default: String(byDefault) },
    byDefault ?? absent,
    `a whole number, ${min} to ${max}`,
    schema,
  )
}

/** Yes or no, as `true` or `false`; `1` and `0` serve too. */
export function flag(row: Omit<Row, 'default'> & { default: boolean }): Setting<boolean> {
  const schema = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1')
  return setting({ ...row, default: String(row.default) }, row.default, '`true` or `false`', schema)
}

export function choice<const C extends string>(
  row: Omit<Row, 'default'> & { default: C; choices: readonly C[] },
): Setting<C> {
  const { choices, ...rest } = row
  const expected = `one of ${choices.map((word) => `\`${word}\``).join(', ')}`
  return setting(rest, rest.default, expected, z.enum(choices as readonly [C, ...C[]]))
}

/** Text that a rule accepts. */
export function text(row: Row & { accepts: (text: string) => boolean; expected: string }): Setting<string> {
  const { accepts, expected, ...rest } = row
  return setting(
    rest,
    '',
    expected,
    reader((value) => (accepts(value) ? value : undefined)),
  )
}

/** The URL of a server. It may hold a password, so it counts as a secret. */
export function serverUrl(
  row: Row & { parse: (text: string) => object | { fault: string }; expected: string },
): Setting<string> {
  const { parse, expected, ...rest } = row
  const schema = z.string().superRefine((value, context) => {
    const parsed = parse(value)
    if ('fault' in parsed) context.addIssue({ code: 'custom', message: `it ${parsed.fault}` })
  })
  return setting(rest, '', expected, schema, true)
}

/** A path in the file system; whether something is there is not looked at. */
export function path(row: Row): Setting<string> {
  return text({
    ...row,
    accepts: (value) => /^[^\p{Cc}]{1,1024}$/u.test(value),
    expected: 'a path',
  })
}

/** Comma-separated texts that a rule accepts, each by itself; blanks around the commas do not count. */
export function list(
  row: Row & { accepts: (item: string) => boolean; expected: string },
): Setting<readonly string[]> {
  const { accepts, expected, ...rest } = row
  return setting(
    rest,
    [],
    expected,
    listReader((value) => (accepts(value) ? value : undefined)),
  )
}

/** An address to listen on: an IP address or a host name. */
export function host(row: Row): Setting<string> {
  const isName = (value: string) =>
    value.length <= 253 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(value)
  const schema = reader((value) =>
    isIP(value) !== 0 || (isName(value) && !/^[\d.]+$/.test(value)) ? value : undefined,
  )
  return setting(row, '', 'an IP address or a host name', schema)
}

/** Browser origins, as `scheme://host[:port]` in the form a browser sends, or `*` for any. */
export function origins(row: Row): Setting<readonly string[]> {
  const expected =
    '`*`, or `scheme://host[:port],...` without a path, where `https://*.host` stands for all names below that host ' +
    'and `:*` for all ports, or `null`'
  return setting(row, [], expected, listReader(readOriginPattern))
}

/** Networks of addresses, as CIDR blocks (`net/networks.ts`). */
export function networks(row: Row): Setting<readonly string[]> {
  const schema = reader((text) => {
    const blocks = splitList(text).map(parseNetwork)
    return blocks.includes(undefined) ? undefined : blocks.flatMap((block) => block ?? [])
  })
  const expected =
    'addresses, networks such as `10.0.0.0/8` or `fd00::/8`, `loopback` and `private`, with commas between'
  return setting(row, [], expected, schema)
}

/** Shorter secrets can be guessed offline from one captured token. */
export const SECRET_BYTES_MIN = 16

/** The signing secret: long enough, and not one that everybody knows. */
export function signingSecret(row: Row): Setting<string> {
  const schema = z.string().superRefine((value, context) => {
    const message = secretFault(value)
    if (message) context.addIssue({ code: 'custom', message })
  })
  const expected = `at least ${SECRET_BYTES_MIN} bytes that nobody else knows, such as \`openssl rand -base64 32\` makes`
  return setting(row, '', expected, schema, true)
}

function secretFault(secret: string): string | undefined {
  if (isWellKnown(secret)) return 'a well-known secret'
  if (Buffer.byteLength(secret) < SECRET_BYTES_MIN) return `shorter than ${SECRET_BYTES_MIN} bytes`
  return undefined
}

/** Secrets of documentations and examples, letters and digits only; also refused when repeated to fill the length. */
const WELL_KNOWN = new Set([
  ...['openim123', 'openim', 'porchlight', 'secret', 'mysecret', 'supersecret', 'topsecret', 'secretkey'],
  ...['yoursecret', 'yoursecretkey', 'yoursecretkeyhere', 'your256bitsecret', 'authsecret', 'jwtsecret'],
  ...['changeme', 'changeit', 'changethis', 'changethissecret', 'changemeinproduction', 'replaceme'],
  ...['password', 'passwort', 'supersecretpassword', 'admin', 'root', 'test', 'testsecret', 'default'],
  ...['development', 'developmentsecret', 'devsecret', 'example', 'examplesecret', 'qwerty', 'letmein'],
  ...['qwertyuiopasdfghjklzxcvbnm', 'abcdefghijklmnop', 'abcdefghijklmnopqrstuvwxyz'],
  ...['0123456789abcdef', '0123456789', '1234567890', '123456', '12345678', '1234567890123456'],
])

function isWellKnown(secret: string): boolean {
  const bare = secret.toLowerCase().replace(/[^a-z0-9]/g, '')
  const unit = /^(.+?)\1*$/.exec(bare.slice(0, 256))?.[1] ?? ''
  // A unit of one or two letters is a secret made by holding a key down.
  return WELL_KNOWN.has(bare) || WELL_KNOWN.has(unit) || unit.length < 3
}
