/** A list of words as operators write it: UTF-8, one word a line; lines that begin with # are comments. */
import { readFile } from 'node:fs/promises'
import { BadSettingError, codeOf } from '../errors/errors.js'

/** A thread takes about a tenth of a second to get ready to look for so many. */
export const WORDS_MAX = 100_000
const WORD_LENGTH_MAX = 100

/** Rejects with BAD_SETTING, which names `setting`, and the line where one is at fault. */
export async function readWordList(setting: string, path: string): Promise<string[]> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    throw bad(`${setting} (${path}) cannot be read (${codeOf(error)}); expected one word a line, in UTF-8.`)
  }
  const words = new Set<string>()
  for (const [index, line] of textOf(setting, path, bytes).split('\n').entries()) {
    const word = line.trim()
    if (word === '' || word.startsWith('#')) continue
    if (word.length > WORD_LENGTH_MAX) {
      throw bad(`${setting} (${path}), line ${index + 1}: expected at most ${WORD_LENGTH_MAX} characters.`)
    }
    words.add(word)
    if (words.size > WORDS_MAX) throw bad(`${setting} (${path}) holds more than ${WORDS_MAX} words.`)
  }
  // Also what an editor leaves for a moment while it writes.
  if (words.size === 0) throw bad(`${setting} (${path}) holds no word; expected one a line.`)
  return [...words]
}

function textOf(setting: string, path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw bad(`${setting} (${path}) is no text in UTF-8; expected one word a line.`)
  }
}

const bad = (message: string) => new BadSettingError(message)
