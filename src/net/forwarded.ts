/**
 * What proxies write of the client into a request: `X-Forwarded-For`, and `Forwarded` (RFC 7239). Each proxy adds
 * one entry at the right end, for the peer that it was asked by.
 *
 * Nothing here is believed yet: whatever stands left of the first entry that a trusted proxy wrote may come from
 * the client. A header that came in several lines is one list, its lines joined by commas in their order.
 */
import { readAddress } from './address.js'

/** Undefined where an entry names no address: it is malformed, empty, `unknown`, or a name such as `_hidden`. */
export type Hop = string | undefined

/** What an entry of `Forwarded` says; '' or undefined = nothing of that. */
export interface ForwardedEntry {
  for: Hop
  host: string
  proto: string
}

/** The entries of any header but `Forwarded`, from the left, without blanks around; none when it is absent. */
export function listOf(header: string): string[] {
  return header.trim() === '' ? [] : header.split(',').map((entry) => entry.trim())
}

/** The entries of `Forwarded`, where a comma may stand between quotes. */
export function forwardedEntriesOf(header: string): string[] {
  return header.trim() === '' ? [] : splitOutsideQuotes(header, ',')
}

export function hopOfXForwardedFor(entry: string): Hop {
  return readAddress(unquote(entry) ?? '')
}

/** A malformed entry says nothing. */
export function readForwarded(entry: string): ForwardedEntry {
  const pairs = new Map<string, string>()
  for (const pair of splitOutsideQuotes(entry, ';')) {
    const [, name, raw] = /^([!#$%&'*+.^_`|~\w-]+)=(.*)$/s.exec(pair.trim()) ?? []
    const value = raw === undefined ? undefined : unquote(raw)
    // The standard lets each name stand once: which of two would be meant is anybody's guess.
    if (name === undefined || value === undefined || pairs.has(name.toLowerCase())) return NOTHING
    pairs.set(name.toLowerCase(), value)
  }
  return {
    for: readAddress(pairs.get('for') ?? ''),
    host: pairs.get('host') ?? '',
    proto: pairs.get('proto') ?? '',
  }
}

const NOTHING: ForwardedEntry = { for: undefined, host: '', proto: '' }

/** The text itself, or what a quoted one holds; undefined when its quotes are no pair. */
function unquote(text: string): string | undefined {
  if (!text.includes('"')) return text
  return /^"((?:[^"\\]|\\.)*)"$/s.exec(text)?.[1]?.replace(/\\(.)/gs, '$1')
}

/** A quote that never ends takes the rest with it. */
function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] {
  const parts: string[] = []
  let from = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') isQuoted = !isQuoted
    else if (text[at] === '\\' && isQuoted) at++
    else if (text[at] === separator && !isQuoted) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts
}
