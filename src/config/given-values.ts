/**
 * Which value of the environment a setting is given: by its own name, by its name with a prefix, or, for a secret, by a
 * file. Names without a prefix are also used by other programs; values that are recognizably theirs are left out.
 */
import { readFileSync, statSync } from 'node:fs'
import { codeOf, hasCode } from '../errors/errors.js'
import type { Setting } from './kinds.js'

export type Env = Readonly<Record<string, string | undefined>>

/** `PORCHLIGHT_HOST` says the same as `HOST`, and wins. */
export const PREFIX = 'PORCHLIGHT_'
const FILE_SUFFIX = '_FILE'
/** More than any secret; a file that is longer is another one. */
const SECRET_FILE_BYTES_MAX = 65_536

/** `name`: the variable, for messages. A `fault` is a whole sentence. Neither value nor fault: not given. */
export type Given = { name: string; value?: string; fault?: string }

type Row = Pick<Setting<unknown>, 'env' | 'secret'>

/** `ignored` hears of each value that is taken for another program's. */
export function givenValue(env: Env, row: Row, hostname: string, ignored: (note: string) => void): Given {
  const names = [`${PREFIX}${row.env}`, row.env]
  const ways = row.secret ? names.flatMap((name) => [name, name + FILE_SUFFIX]) : names
  const set = ways.filter((name) => {
    if (!env[name]?.trim()) return false
    const owner = otherOwner(env, name, hostname)
    if (owner !== undefined)
      ignored(`${name} is ignored: ${owner}. ${PREFIX}${row.env} sets the address or port here.`)
    return owner === undefined
  })
  const [name] = set
  if (name === undefined) return { name: row.env }
  const other = set.find((one) => one.endsWith(FILE_SUFFIX) !== name.endsWith(FILE_SUFFIX))
  if (row.secret && other !== undefined)
    return { name, fault: `${name} and ${other} are both set: set one of them.` }
  if (row.secret && name.endsWith(FILE_SUFFIX)) return fromFile(name, env[name]!.trim())
  return { name, value: env[name]!.trim() }
}

/** Why a value is another program's; undefined when nothing says so. */
function otherOwner(env: Env, name: string, hostname: string): string | undefined {
  const value = env[name]!.trim()
  if (/^(tcp|udp|sctp):\/\//.test(value) && name.endsWith('_PORT') && isServiceLink(env, name)) {
    return 'it is the address of a Kubernetes Service or a linked container of that name'
  }
  if (name !== 'HOST') return undefined
  if (env.CONDA_PREFIX !== undefined && /^[\w.]+-conda[\w.]*-[\w-]+$/.test(value)) {
    return 'it is the platform for which conda builds'
  }
  // tcsh exports the machine's name; somebody who wants to listen there can say so with the prefix.
  if (value === hostname && env.HOSTTYPE !== undefined && env.VENDOR !== undefined) {
    return 'it is the name of this machine, which the shell sets'
  }
  return undefined
}

/** For a Service `api` every pod of the namespace gets API_SERVICE_HOST, API_PORT and API_PORT_80_TCP. */
function isServiceLink(env: Env, name: string): boolean {
  const linked = new RegExp(`^${name}_\\d+_(TCP|UDP|SCTP)(_|$)`)
  return (
    env[`${name.slice(0, -'_PORT'.length)}_SERVICE_HOST`] !== undefined ||
    Object.keys(env).some((other) => linked.test(other))
  )
}

/** As Docker and Kubernetes mount secrets: the value, and perhaps a newline that an editor or `echo` left. */
function fromFile(name: string, path: string): Given {
  const refused = (reason: string) => ({
    name,
    fault: `${name} is ${JSON.stringify(path)}, ${reason}; expected the path of a file with the secret.`,
  })
  let text: string
  try {
    const found = statSync(path)
    if (found.isDirectory()) return refused('which is a directory')
    if (found.size > SECRET_FILE_BYTES_MAX)
      return refused(`which is longer than ${SECRET_FILE_BYTES_MAX} bytes`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return refused('which does not exist')
    return refused(`which cannot be read (${codeOf(error) ?? (error as Error).message})`)
  }
  const value = text.replace(/\r?\n$/, '')
  if (value === '') return refused('which is empty')
  if (/[\r\n\0]/.test(value)) return refused('which holds more than one line')
  return { name, value }
}
