/** Addresses of Redis servers as operators write them. Pure: nothing is looked up. */

import { isIPv6 } from 'node:net'
import { parseUrl } from './parse-url.js'

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
export function parseRedisUrl(text: string): RedisUrl | { fault: string } {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme !== 'redis' && scheme !== 'rediss') return { fault: 'does not begin with redis:// or rediss://' }
  const url = parseUrl(text)
  if (url === undefined) {
    return {
      fault:
        'is not a URL: the host, or the port (1 to 65535), is none, or the user or password has one of / ? # [ ] @ : % ' +
        'that is not percent-encoded (%2F for /)',
    }
  }
  const username = decoded(url.username)
  const password = decoded(url.password)
  if (username === undefined || password === undefined) {
    return { fault: 'has a % in its user or password that encodes nothing: write %25 for %' }
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (!isHost(host)) return { fault: host === '' ? 'names no host' : 'names no valid host' }
  if (url.port === '0') return { fault: 'has the port 0' }
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

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** A name, an IPv4 or an IPv6 address. Names of containers may have underscores. */
function isHost(text: string): boolean {
  return isIPv6(text) || /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$/.test(text)
}
