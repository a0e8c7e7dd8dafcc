/** Addresses of Redis servers as operators write them. Pure: nothing is looked up. */

import { isIPv6 } from 'node:net'
import { type Fault, isHost, parseServerUrl } from './parse-url.js'

/** One server, as a URL names it. */
export interface RedisUrl {
  host: string
  port: number
  username?: string
  password?: string
  tls: boolean
  db: number
}

export interface Endpoint {
  host: string
  port: number
}

const DEFAULT_PORT = 6379

/**
 * `redis[s]://[user:password@]host[:port][/db]`, read whole. A text that is none gives the reason, in words that
 * follow "it"; no reason repeats a part of the text that may be secret.
 */
export function parseRedisUrl(text: string): RedisUrl | Fault {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme !== 'redis' && scheme !== 'rediss') return { fault: 'does not begin with redis:// or rediss://' }
  const server = parseServerUrl(text)
  if ('fault' in server) return server
  const { url, username, password, host } = server
  if (url.searchParams.size > 0 || url.hash !== '') {
    return { fault: 'has parameters after the database (? or #); there are none' }
  }
  const db = /^\/?$/.test(url.pathname) ? '0' : /^\/(\d{1,9})$/.exec(url.pathname)?.[1]
  if (db === undefined) return { fault: 'has a path that is not a database number, 0 or greater' }
  return {
    host,
    port: Number(url.port || DEFAULT_PORT),
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    tls: scheme === 'rediss',
    db: Number(db),
  }
}

/** `host:port`; an IPv6 address in brackets, or without as a slot table has it. Undefined for anything else. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, inBrackets, bare, digits] = /^(?:\[(.+)\]|(.+)):(\d{1,5})$/.exec(text) ?? []
  const host = inBrackets ?? bare ?? ''
  const port = Number(digits)
  const isRight = inBrackets === undefined ? isHost(host) : isIPv6(host)
  return isRight && port >= 1 && port <= 65_535 ? { host, port } : undefined
}

/** As a slot table has it: `host:port`, IPv6 without brackets. */
export function endpointText({ host, port }: Endpoint): string {
  return `${host}:${port}`
}
