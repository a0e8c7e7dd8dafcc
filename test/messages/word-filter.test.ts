/** Words that are not wanted in the texts of users. */
import fc from 'fast-check'
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { ContentType } from '../../src/openim/content-types.js'
import { newMessage } from '../../src/openim/message-bytes.js'
import type { MsgData } from '../../src/openim/proto/messages.js'
import { type MessageCheck, runChecks } from '../../src/services/messages/checks/check.js'
import { folded, WordFilter, type WordFilterMode } from '../../src/services/messages/checks/word-filter.js'
import { textMessage, textOf } from './chat.js'

const filterOf = (words: string[], mode: WordFilterMode = 'mask') => new WordFilter(mode, words)

/** The text as it goes on. */
function masked(words: string[], text: string): string {
  return textOf(filterOf(words).check(textMessage('ann', 'bob', text)) as MsgData)
}

const elementOf = ({ content }: MsgData) => JSON.parse(Buffer.from(content).toString())

function messageOf(contentType: number, element: object): MsgData {
  return newMessage({ contentType, content: Buffer.from(JSON.stringify(element)) })
}

t.test('a word is masked by characters, wherever it stands and whatever its case', async (t) => {
  const words = ['darn', 'İstanbul', 'Σίσυφος', '笨蛋', '🐷🐷']
  t.equal(masked(words, 'Darn it, goDARNit'), '**** it, go****it')
  t.equal(masked(words, 'iSTANBUL and İSTANBUL'), '******** and ********')
  t.equal(masked(words, 'ΣΊΣΥΦΟΣ'), '*******')
  t.equal(masked(words, '你这个笨蛋！'), '你这个**！')
  t.equal(masked(words, '🐷🐷🐷'), '***', 'a character of two units is one asterisk')
  t.equal(masked(['abc', 'bcd'], 'xabcdx'), 'x****x', 'words may overlap')
})

t.test('a message without such a word goes on as it is', async (t) => {
  const clean = textMessage('ann', 'bob', 'hello')
  t.equal(filterOf(['darn']).check(clean), clean)
  const custom = messageOf(110, { data: 'darn' })
  t.equal(filterOf(['darn']).check(custom), custom, 'and so does what is no text')
})

t.test('texts of every kind are looked at, those of quoted messages too', async (t) => {
  const filter = filterOf(['darn'])
  const kinds: [number, string][] = [
    [ContentType.AtText, 'text'],
    [ContentType.Quote, 'text'],
    [ContentType.AdvancedText, 'text'],
    [ContentType.Markdown, 'content'],
    // Clients in Go read this key as well.
    [ContentType.Text, 'Content'],
  ]
  for (const [contentType, key] of kinds) {
    const message = messageOf(contentType, { [key]: 'oh darn', other: 'darn' })
    t.same(elementOf(filter.check(message) as MsgData), { [key]: 'oh ****', other: 'darn' })
  }
  const quote = { text: 'look', quoteMessage: { sendID: 'bob', seq: 3, textElem: { content: 'darn' } } }
  t.match(elementOf(filter.check(messageOf(ContentType.Quote, quote)) as MsgData), {
    quoteMessage: { sendID: 'bob', seq: 3, textElem: { content: '****' } },
  })
})

t.test('WORD_FILTER=refuse answers an error, and does not repeat the word', async (t) => {
  const refusal = filterOf(['darn'], 'refuse').check(textMessage('ann', 'bob', 'DARN'))
  t.match(refusal, { kind: 'refused', errCode: WireCode.CallbackError })
  t.notMatch(refusal, { detail: /darn/i })
})

t.test('content that is too deep to be written again is refused', async (t) => {
  const deep = `${'{"x":'.repeat(50_000)}1${'}'.repeat(50_000)}`
  const message = newMessage({
    contentType: ContentType.Text,
    content: Buffer.from(`{"content":"darn","x":${deep}}`),
  })
  t.match(filterOf(['darn']).check(message), { kind: 'refused', errCode: WireCode.ArgsError })
})

t.test('whatever is written, nothing of a word is left, and all the rest is', async () => {
  const letters = fc.constantFrom(...'abAB🐷İςΣ笨 ')
  const word = fc.string({ unit: letters, minLength: 1, maxLength: 4 }).filter((text) => text.trim() === text)
  const text = fc.string({ unit: letters, maxLength: 40 })
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), text, (words, given) => {
      const [before, after] = [[...given], [...masked(words, given)]]
      const isEqual = (character: string, index: number) => character === '*' || character === before[index]
      const left = folded(after.join(''))
      return (
        before.length === after.length &&
        after.every(isEqual) &&
        words.every((one) => !left.includes(folded(one)))
      )
    }),
  )
})

t.test('places in the folded text are places in the text', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('\ud83d'), fc.constant('x\udc37y'))
  fc.assert(fc.property(text, (given) => folded(given).length === given.length))
})

t.test('10,000 words are looked for in 4 KB within a fraction of a millisecond', async (t) => {
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const text = (length: number, first: number, count: number) =>
    Array.from({ length }, () => String.fromCodePoint(first + random(count))).join('')
  const latin = () => text(7 + random(8), 97, 26)
  const han = () => text(3 + random(3), 0x4e00, 3_000)
  const filter = filterOf(Array.from({ length: 10_000 }, (_, index) => (index % 2 === 0 ? latin() : han())))
  const message = (word: () => string) => {
    let content = ''
    while (Buffer.byteLength(content) < 4_096) content += `${word()} `
    return textMessage('ann', 'bob', content)
  }
  for (const [name, given] of Object.entries({ latin: message(latin), han: message(han) })) {
    for (let warm = 0; warm < 100; warm++) filter.check(given)
    const times = 200
    const since = process.cpuUsage()
    for (let count = 0; count < times; count++) filter.check(given)
    const ms = process.cpuUsage(since).user / 1_000 / times
    t.comment(`${name}: ${ms.toFixed(3)} ms of CPU a message`)
    t.ok(ms < 5, name)
  }
})

t.test('checks run one after the other, until one refuses', async (t) => {
  const appending = (name: string, tail: string): MessageCheck => ({
    name,
    check: (message) => textMessage('ann', 'bob', textOf(message) + tail),
  })
  const passing: MessageCheck = { name: 'passing', check: (message) => message }
  const refusing: MessageCheck = {
    name: 'refusing',
    check: () => ({ kind: 'refused', errCode: WireCode.CallbackError, detail: 'no' }),
  }
  const counts = { checkChanges: {}, checkRefusals: {} }
  const message = textMessage('ann', 'bob', '1')
  const checks = [appending('two', '2'), passing, appending('three', '3')]
  t.equal(textOf(runChecks(message, checks, counts)), '123')
  t.same(counts, { checkChanges: { two: 1, three: 1 }, checkRefusals: {} })
  t.throws(() => runChecks(message, [refusing, ...checks], counts), {
    code: 'CALL_REFUSED',
    errCode: WireCode.CallbackError,
  })
  t.same(counts, { checkChanges: { two: 1, three: 1 }, checkRefusals: { refusing: 1 } })
})
