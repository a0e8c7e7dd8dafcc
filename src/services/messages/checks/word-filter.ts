/**
 * The word filter: words that operators do not want in the texts of users. A word counts wherever it stands, also inside a
 * longer one, whatever its case. All words are looked for in one pass over the text (Aho and Corasick).
 */
import { AhoCorasick } from '@monyone/aho-corasick/fast'
import { WireCode } from '../../../openim/codes.js'
import type { MsgData } from '../../../openim/proto/messages.js'
import type { MessageCheck, Refusal } from './check.js'
import { changeTexts, isTextual } from './texts.js'

/** `mask`: each character of the word becomes an asterisk. `refuse`: the message is not sent. */
export type WordFilterMode = 'mask' | 'refuse'

/** The number of OpenIM's for what a hook before sending says no to. */
const REFUSED: Refusal = {
  kind: 'refused',
  errCode: WireCode.CallbackError,
  detail: 'content: holds a word that is not allowed here',
}
const TOO_DEEP: Refusal = {
  kind: 'refused',
  errCode: WireCode.ArgsError,
  detail: 'content: nested too deeply',
}

const CAPITAL_I_WITH_DOT = '\u0130'
const FINAL_SIGMA = '\u03c2'

export class WordFilter implements MessageCheck {
  readonly name = 'words'
  readonly #mode: WordFilterMode
  #words: AhoCorasick

  constructor(mode: WordFilterMode, words: readonly string[]) {
    this.#mode = mode
    this.#words = matcherOf(words)
  }

  /** From now on, these. */
  use(words: readonly string[]): void {
    this.#words = matcherOf(words)
  }

  readonly check = (message: MsgData): MsgData | Refusal => {
    if (!isTextual(message.contentType)) return message
    const { content } = message
    const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString()
    const element: unknown = JSON.parse(text)
    if (!changeTexts(element, (found) => this.#masked(found))) return message
    if (this.#mode === 'refuse') return REFUSED
    const masked = toJson(element)
    return masked === undefined ? TOO_DEEP : { ...message, content: Buffer.from(masked) }
  }

  #masked(text: string): string {
    const found = this.#words.matchInText(folded(text))
    if (found.length === 0) return text
    const isHit = new Uint8Array(text.length)
    for (const { begin, end } of found) isHit.fill(1, begin, end)
    let masked = ''
    let at = 0
    // By characters, of which some have two units.
    for (const character of text) {
      masked += isHit[at] === 1 ? '*' : character
      at += character.length
    }
    return masked
  }
}

function matcherOf(words: readonly string[]): AhoCorasick {
  return new AhoCorasick([...new Set(words.map(folded))])
}

/** Lower case, of the same length: places in it are places in the text. */
export function folded(text: string): string {
  return text.replaceAll(CAPITAL_I_WITH_DOT, 'i').toLowerCase().replaceAll(FINAL_SIGMA, '\u03c3')
}

/** Undefined = JSON can read deeper nesting than it can write. */
function toJson(element: unknown): string | undefined {
  try {
    return JSON.stringify(element)
  } catch {
    return undefined
  }
}
