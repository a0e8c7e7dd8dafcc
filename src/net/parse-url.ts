import { isIP } from 'node:net'

/**
 * Undefined = no URL. Not by `URL.canParse`: that of Node 20, once V8 has optimised it, reads texts with characters from
 * U+0080 to U+00FF as UTF-8, and says yes to some that `new URL` refuses.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

export interface Fault {
  /** In words that follow "it"; no reason repeats a part of the text that may be secret. */
  fault: string
}

/** Of the URL of a server, what every scheme has. */
export interface ServerUrl {
  url: URL
  username: string
  password: string
  /** An IPv6 address has no brackets. */
  host: string
}

/** The scheme is the caller's to check: of an unknown one a URL is read less strictly, and hosts may hold what no host does. */
export function parseServerUrl(text: string): ServerUrl | Fault {
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
  return { url, username, password, host }
}

/** Undefined = a % in it encodes nothing. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** A name, an IPv4 or an IPv6 address. Names of containers may have underscores. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$/.test(text)
}
