/**
 * Text frames: the pings of clients that cannot send WebSocket pings.
 *
 * A pong echoes the ping's `body` as it was written, byte for byte: clients compare it, and a parsed and printed
 * number may differ. So the frame is parsed to know that it is JSON, and scanned for where `body` lies in it.
 */

export type TextFrame = { kind: 'ping'; pong: string } | { kind: 'pong' } | { kind: 'bad' }

/** What a client's text frame asks for. 'ping' carries the frame to answer; 'bad' closes the connection. */
export function parseTextFrame(frame: string): TextFrame {
  let value: unknown
  try {
    value = JSON.parse(frame)
  } catch {
    return { kind: 'bad' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { kind: 'bad' }
  const { type, body } = sliceMembers(frame)
  if (type === '"ping"') return { kind: 'ping', pong: `{"type":"pong","body":${body ?? 'null'}}` }
  if (type === '"pong"') return { kind: 'pong' }
  return { kind: 'bad' }
}

/** The source text of the members `type` and `body` of a valid JSON object; the last of several wins, as in Go. */
function sliceMembers(source: string): { type?: string; body?: string } {
  const members: { type?: string; body?: string } = {}
  let at = skipSpace(source, source.indexOf('{') + 1)
  while (source[at] === '"') {
    const keyEnd = endOfValue(source, at)
    const key = (JSON.parse(source.slice(at, keyEnd)) as string).toLowerCase()
    const start = skipSpace(source, source.indexOf(':', keyEnd) + 1)
    const end = endOfValue(source, start)
    if (key === 'type') members.type = JSON.stringify(JSON.parse(source.slice(start, end)))
    else if (key === 'body') members.body = source.slice(start, end)
    at = skipSpace(source, end)
    if (source[at] !== ',') break
    at = skipSpace(source, at + 1)
  }
  return members
}

function skipSpace(source: string, from: number): number {
  let at = from
  while (source[at] === ' ' || source[at] === '\t' || source[at] === '\n' || source[at] === '\r') at++
  return at
}

/** One past the value that begins here. The source is known to be valid, so brackets need only be counted. */
function endOfValue(source: string, from: number): number {
  let depth = 0
  let at = from
  do {
    switch (source[at]) {
      case '"':
        at = endOfString(source, at)
        continue
      case '{':
      case '[':
        depth++
        break
      case '}':
      case ']':
        depth--
        break
      default:
        if (depth === 0) return endOfScalar(source, at)
    }
    at++
  } while (depth > 0)
  return at
}

function endOfString(source: string, from: number): number {
  let at = from + 1
  while (source[at] !== '"') at += source[at] === '\\' ? 2 : 1
  return at + 1
}

/** A number, true, false or null. */
function endOfScalar(source: string, from: number): number {
  let at = from
  while (at < source.length && !',}] \t\n\r'.includes(source[at])) at++
  return at
}
