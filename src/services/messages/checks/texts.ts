/** The texts that people read in a message's content. */
import { ContentType } from '../../../openim/content-types.js'

/** Kinds of messages that carry text. */
const TEXTUAL: ReadonlySet<number> = new Set([
  ContentType.Text,
  ContentType.AtText,
  ContentType.Quote,
  ContentType.AdvancedText,
  ContentType.Markdown,
])

/** Keys of texts, in lower case: clients written in Go take keys whatever their case. */
const KEYS: ReadonlySet<string> = new Set(['text', 'content'])

export function isTextual(contentType: number): boolean {
  return TEXTUAL.has(contentType)
}

/**
 * Put `change` of each text in its place, and say whether any differed. Texts of a quoted message are texts as well:
 * nothing but the client's word says that somebody has ever sent it.
 */
export function changeTexts(element: unknown, change: (text: string) => string): boolean {
  let isChanged = false
  // Not by recursion: the sender chooses the depth.
  const left: unknown[] = [element]
  while (left.length > 0) {
    const node = left.pop()
    if (typeof node !== 'object' || node === null) continue
    for (const [key, value] of Object.entries(node)) {
      if (typeof value !== 'string') left.push(value)
      else if (KEYS.has(key.toLowerCase())) {
        const changed = change(value)
        if (changed === value) continue
        isChanged = true
        ;(node as Record<string, unknown>)[key] = changed
      }
    }
  }
  return isChanged
}
