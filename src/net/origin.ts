/** May this web page connect? Browsers say where a page is from; what is not a browser sends no Origin, and passes. */
import { parseUrl } from './parse-url.js'

/** `hosts`: what the client asked for, as `host[:port]`; asked only where it matters. */
export type OriginCheck = (origin: string, hosts: () => readonly string[]) => boolean

/**
 * `allowed`: patterns as `readOriginPattern` makes them. Besides those, a page from the very host (and port) that it
 * connects to is always allowed, and so is one from this machine.
 */
export function originCheck(allowed: readonly string[]): OriginCheck {
  const exact = new Set(allowed.filter((pattern) => !pattern.includes('*')))
  const wild = allowed.filter((pattern) => pattern.includes('*') && pattern !== '*').map(matcherOf)
  const isAnyAllowed = allowed.includes('*')
  return (given, hosts) => {
    if (given === '' || isAnyAllowed) return true
    const origin = normalizeOrigin(given)
    if (exact.has(origin)) return true
    const from = parseUrl(origin)
    if (from === undefined) return false
    return isLoopback(from.hostname) || wild.some((matches) => matches(from)) || isOwn(from, hosts())
  }
}

/**
 * A pattern of the setting in its one spelling; undefined when no browser ever sends an origin that it fits.
 *
 *   https://chat.example.org        exactly that; the port that the scheme implies may be named, case does not count
 *   https://*.example.org           any name below it, of one label or several, and not example.org itself
 *   http://*.example.org:8080       the same on that port; `:*` = on any port
 *   capacitor://localhost           what an app's web view sends; `file://` too
 *   null                            pages without an origin: sandboxed frames, data: and local files
 *   *                               any page
 */
export function readOriginPattern(text: string): string | undefined {
  const lower = text.toLowerCase()
  if (lower === '*' || lower === 'null' || lower === 'file://') return lower
  const [, scheme, wildcard, name, port] =
    /^([a-z][a-z0-9+.-]*):\/\/(\*\.)?([^\s/?#@*:[\]]+|\[[\da-f:.]+\])(:\*|:\d{1,5})?$/.exec(lower) ?? []
  // Pages are not loaded over ws: or wss:, so no origin begins with that.
  if (scheme === undefined || scheme === 'ws' || scheme === 'wss') return undefined
  if (scheme !== 'http' && scheme !== 'https') return wildcard === undefined ? lower : undefined
  const hasAnyPort = port === ':*'
  const base = `${scheme}://${wildcard === undefined ? '' : 'x.'}${name}${hasAnyPort ? '' : (port ?? '')}`
  const origin = port === ':0' ? undefined : parseUrl(base)?.origin
  if (origin === undefined) return undefined
  const spelled = wildcard === undefined ? origin : origin.replace('://x.', '://*.')
  return hasAnyPort ? `${spelled}:*` : spelled
}

/** Web origins as a browser spells them; those of other schemes in lower case. */
function normalizeOrigin(origin: string): string {
  const lower = origin.toLowerCase()
  const url = /^https?:\/\/[^/?#@\s]+$/.test(lower) ? parseUrl(lower) : undefined
  return url?.origin ?? lower
}

/** For a pattern with a `*.` before its name, a `:*` behind it, or both. */
function matcherOf(pattern: string): (from: URL) => boolean {
  const hasAnyPort = pattern.endsWith(':*')
  const [scheme, rest] = (hasAnyPort ? pattern.slice(0, -2) : pattern).split('://') as [string, string]
  const isBelow = rest.startsWith('*.')
  const authority = isBelow ? rest.slice(1) : rest
  return (from) => {
    if (from.protocol !== `${scheme}:`) return false
    const given = hasAnyPort ? from.hostname : from.host
    return isBelow ? given.endsWith(authority) && given.length > authority.length : given === authority
  }
}

/** The same name and the same port, whether or not the port that the scheme implies is written out. */
function isOwn(from: URL, hosts: readonly string[]): boolean {
  return hosts.some((host) => {
    const own = `${from.protocol}//${host.toLowerCase()}`
    return !/[/?#@\s\\]/.test(host) && parseUrl(own)?.host === from.host
  })
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
