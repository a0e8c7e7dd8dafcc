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
