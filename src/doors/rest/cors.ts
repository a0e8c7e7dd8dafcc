/**
 * Which web pages may call: those that may connect to WS_PORT. A browser hands an answer to a page of another origin
 * only where the answer names that origin. Calls carry their token in a header, never in a cookie, so that a page of
 * another origin has nothing to ride on, whether it gets to read the answer or not.
 */
import type { Context, Next } from 'hono'
import type { OriginCheck } from '../../net/origin.js'

/** Two days; browsers keep a preflight answer for as long as they like, at most. */
const PREFLIGHT_S = 172_800

export function cors(
  isOriginAllowed: OriginCheck,
): (c: Context, next: Next) => Promise<Response | undefined> {
  return async (c, next) => {
    const origin = c.req.header('Origin') ?? ''
    // Caches must not hand the answer for one page to another.
    c.header('Vary', 'Origin')
    // A page of the host that it calls needs no leave.
    if (origin !== '' && isOriginAllowed(origin, () => [])) {
      c.header('Access-Control-Allow-Origin', origin)
      c.header('Access-Control-Allow-Methods', 'GET, HEAD, POST')
      // Any, as OpenIM; but `*` does not stand for all of them in every browser.
      c.header('Access-Control-Allow-Headers', c.req.header('Access-Control-Request-Headers') ?? '*')
      c.header('Access-Control-Max-Age', String(PREFLIGHT_S))
    }
    if (c.req.method === 'OPTIONS') return c.json('Options Request!')
    await next()
    return undefined
  }
}
