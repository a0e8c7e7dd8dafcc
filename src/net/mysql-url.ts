/** The address of a MySQL or MariaDB server as operators write it. Pure: nothing is looked up, no file is read. */
import { isIP } from 'node:net'
import { decoded, type Fault, isHost, parseServerUrl } from './parse-url.js'

/** One server, or a proxy before several, as a URL names it. */
export interface MysqlUrl {
  host: string
  port: number
  username: string
  password: string
  database: string
  /** Undefined = without TLS. */
  tls?: MysqlTls
}

export interface MysqlTls {
  /** The server's certificate has to be good, and to bear `serverName`. */
  isVerified: boolean
  /** The host's, unless another is given. */
  serverName: string
  /** Authorities to be trusted in place of the system's (PEM). */
  caFile?: string
  /** The certificate and key that this node shows (PEM). */
  certFile?: string
  keyFile?: string
}

const DEFAULT_PORT = 3306
const TLS_MODES = ['false', 'true', 'skip-verify']
const FILES = { tlsCaFile: 'caFile', tlsCertFile: 'certFile', tlsKeyFile: 'keyFile' } as const
const PARAMETERS = ['tls', 'tlsServerName', ...Object.keys(FILES)]

/**
 * `mysql://user[:password]@host[:port]/database[?tls=...]`, read whole. `tls`: `true`, `false` (as without), or
 * `skip-verify`: encrypted, but anybody may be the server. With TLS also tlsCaFile, tlsCertFile and tlsKeyFile (paths of
 * PEM files) and tlsServerName. A text that is none gives the reason, in words that follow "it"; no reason repeats a
 * part of the text that may be secret.
 */
export function parseMysqlUrl(text: string): MysqlUrl | Fault {
  if (!/^mysql:\/\//i.test(text)) return { fault: 'does not begin with mysql://' }
  const server = parseServerUrl(text)
  if ('fault' in server) return server
  const { url, username, password, host } = server
  if (username === '') return { fault: 'names no user' }
  const database = decoded(url.pathname.slice(1))
  if (!database) return { fault: 'names no database: write mysql://user:password@host/database' }
  if (database.includes('/')) return { fault: 'has a path that is not the name of a database' }
  if (url.hash !== '') return { fault: 'has a # after the database: write %23 where it is part of a name' }
  const tls = tlsOf(url.searchParams, host)
  if (tls !== undefined && 'fault' in tls) return tls
  const port = Number(url.port || DEFAULT_PORT)
  return { host, port, username, password, database, ...(tls && { tls }) }
}

function tlsOf(parameters: URLSearchParams, host: string): MysqlTls | Fault | undefined {
  const names = [...parameters.keys()]
  const unknown = names.find((name) => !PARAMETERS.includes(name))
  if (unknown !== undefined) return { fault: `has a parameter that is none of ${PARAMETERS.join(', ')}` }
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) return { fault: `has the parameter ${twice} twice` }
  const mode = parameters.get('tls') ?? 'false'
  if (!TLS_MODES.includes(mode))
    return { fault: `has a parameter tls that is none of ${TLS_MODES.join(', ')}` }
  const others = names.filter((name) => name !== 'tls')
  if (mode === 'false') {
    return others.length === 0 ? undefined : { fault: `has ${others.join(', ')} without tls=true` }
  }
  const empty = others.find((name) => parameters.get(name) === '')
  if (empty !== undefined) return { fault: `has an empty parameter ${empty}` }
  if (parameters.has('tlsCertFile') !== parameters.has('tlsKeyFile')) {
    return { fault: 'has one of tlsCertFile and tlsKeyFile: they go together' }
  }
  const isVerified = mode === 'true'
  if (!isVerified && (parameters.has('tlsCaFile') || parameters.has('tlsServerName'))) {
    return { fault: 'has tlsCaFile or tlsServerName, but verifies nothing with tls=skip-verify' }
  }
  const serverName = parameters.get('tlsServerName') ?? host
  if (isVerified && (isIP(serverName) !== 0 || !isHost(serverName))) {
    return { fault: 'names its host by an address: set tlsServerName to the name in the certificate' }
  }
  const files = Object.entries(FILES).flatMap(([name, part]) => {
    const path = parameters.get(name)
    return path === null ? [] : [[part, path]]
  })
  return { isVerified, serverName, ...Object.fromEntries(files) }
}
