/** May this web page connect? Browsers say where a page is from; what is not a browser sends no Origin, and passes. */

/**
 * `allowed`: origins such as `https://chat.example.org`, or `*` for any. Besides those, a page from the host that
 * it connects to is always allowed, and so is one from this machine.
 */
export function isOriginAllowed(origin: string, host: string, allowed: readonly string[]): boolean {
  if (origin === '') return true
  if (allowed.includes('*') || allowed.includes(origin)) return true
  let from: URL
  try {
    from = new URL(origin)
  } catch {
    return false
  }
  return from.host === host || isLoopback(from.hostname)
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
