import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readWordList, WORDS_MAX } from '../../src/files/word-list.js'
import { temporaryFolder } from '../support/leftovers.js'

const folder = temporaryFolder('words')

function read(content: string | Uint8Array): Promise<string[]> {
  const path = join(folder, 'words.txt')
  writeFileSync(path, content)
  return readWordList('WORDS', path)
}

t.test('words are read line by line, without blanks, comments and repetitions', async (t) => {
  t.same(await read('\ufeff# a list\r\n  darn \r\n\r\n#heck\r\ntwo words\r\ndarn\r\n笨蛋'), [
    'darn',
    'two words',
    '笨蛋',
  ])
})

t.test('what is at fault is named, with its line', async (t) => {
  const cases: [content: string | Uint8Array, message: RegExp][] = [
    ['# only comments\n', /^WORDS \(.*words.txt\) holds no word/],
    [`darn\n${'x'.repeat(101)}\n`, /^WORDS \(.*\), line 2: expected at most 100 characters/],
    [Uint8Array.of(0x64, 0xff), /^WORDS \(.*\) is no text in UTF-8/],
    [
      Array.from({ length: WORDS_MAX + 1 }, (_, index) => `w${index}`).join('\n'),
      /holds more than 100000 words/,
    ],
  ]
  for (const [content, message] of cases) await t.rejects(read(content), { code: 'BAD_SETTING', message })
  await t.rejects(readWordList('WORDS', join(folder, 'none')), { message: /cannot be read \(ENOENT\)/ })
  await t.rejects(readWordList('WORDS', folder), { message: /cannot be read \(EISDIR\)/ })
})
