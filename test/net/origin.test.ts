/** Origins with wildcards, ports and case as browsers send them. */
import t from 'tap'
import { originCheck, readOriginPattern } from '../../src/net/origin.js'

function allows(patterns: string[], origin: string, ...hosts: string[]): boolean {
  const read = patterns.map(readOriginPattern)
  if (read.includes(undefined)) throw new Error(`a pattern of ${patterns} was refused`)
  return originCheck(read as string[])(origin, () => hosts)
}

t.test('what is not a browser sends no origin, and passes', async (t) => {
  t.ok(allows([], '', 'a.example'))
})

t.test('a page from the host that it connects to passes, however that host is written', async (t) => {
  const same: [origin: string, host: string][] = [
    ['https://im.example.com', 'im.example.com'],
    ['https://im.example.com', 'im.example.com:443'],
    ['https://im.example.com', 'IM.Example.COM'],
    ['https://im.example.com:443', 'im.example.com'],
    ['HTTPS://IM.Example.com', 'im.example.com'],
    ['http://im.example.com', 'im.example.com:80'],
    ['https://im.example.com:8443', 'im.example.com:8443'],
    ['http://[2001:db8::1]:8080', '[2001:DB8:0::1]:8080'],
    ['https://[2001:db8::1]', '[2001:db8::1]:443'],
    ['https://bücher.example', 'xn--bcher-kva.example'],
  ]
  for (const [origin, host] of same) t.ok(allows([], origin, host), `${origin} ${host}`)
  const others: [origin: string, host: string][] = [
    ['https://evil.example', 'im.example.com'],
    ['https://im.example.com', 'im.example.com:8443'],
    ['https://im.example.com:8443', 'im.example.com'],
    ['https://im.example.com', 'im.example.com:80'],
    ['https://im.example.com.evil.example', 'im.example.com'],
    ['https://evil.example', ''],
    ['https://evil.example', 'evil.example@im.example.com'],
    ['https://evil.example', 'evil.example/'],
    ['https://evil.example', 'im.example.com, evil.example'],
    ['null', 'null'],
    ['not an origin', 'im.example.com'],
    ['https://', ''],
  ]
  for (const [origin, host] of others) t.notOk(allows([], origin, host), `${origin} ${host}`)
  t.ok(
    allows([], 'https://im.example.com', 'inner:10001', 'im.example.com'),
    'any host that it may have asked for',
  )
})

t.test('a page from this machine passes', async (t) => {
  for (const origin of [
    'http://localhost:3000',
    'http://127.0.0.1',
    'http://127.1.2.3:8',
    'http://[::1]:5173',
  ]) {
    t.ok(allows([], origin, 'im.example.com'), origin)
  }
  t.notOk(allows([], 'http://localhost.evil.example', 'im.example.com'))
  t.notOk(allows([], 'http://127.0.0.1.evil.example', 'im.example.com'))
})

t.test('an origin that is named passes, whatever its case and with its usual port or without', async (t) => {
  for (const pattern of [
    'https://chat.example.org',
    'https://Chat.Example.ORG',
    'https://chat.example.org:443',
  ]) {
    for (const origin of [
      'https://chat.example.org',
      'https://chat.example.org:443',
      'HTTPS://CHAT.example.org',
    ]) {
      t.ok(allows([pattern], origin, 'x'), `${pattern} ${origin}`)
    }
    for (const origin of [
      'http://chat.example.org',
      'https://chat.example.org:8443',
      'https://a.chat.example.org',
    ]) {
      t.notOk(allows([pattern], origin, 'x'), `${pattern} ${origin}`)
    }
  }
  t.ok(allows(['http://chat.example.org:8080'], 'http://chat.example.org:8080', 'x'))
  t.ok(allows(['https://bücher.example'], 'https://xn--bcher-kva.example', 'x'))
  t.ok(allows(['http://[2001:DB8:0::1]:8080'], 'http://[2001:db8::1]:8080', 'x'))
  t.ok(allows(['capacitor://localhost'], 'capacitor://localhost', 'x'))
  t.ok(allows(['chrome-extension://ABCdef'], 'chrome-extension://abcdef', 'x'))
  t.ok(allows(['null'], 'null', 'x'))
  t.notOk(allows(['https://chat.example.org'], 'null', 'x'))
  t.ok(allows(['file://'], 'file://', 'x'))
  t.ok(allows(['*'], 'null', 'x'))
  t.ok(allows(['*'], 'https://evil.example', 'x'))
})

t.test('`*.` stands for names below a host, of one label or several', async (t) => {
  const pattern = ['https://*.Example.com']
  for (const origin of ['https://a.example.com', 'https://a.b.example.com', 'https://A.example.com:443']) {
    t.ok(allows(pattern, origin, 'x'), origin)
  }
  const others = [
    'https://example.com',
    'http://a.example.com',
    'https://a.example.com:8443',
    'https://.example.com',
  ]
  others.push(
    'https://aexample.com',
    'https://a.example.com.evil.example',
    'https://evil.example/a.example.com',
  )
  others.push(
    'https://evil.example?.example.com',
    'https://evil.example#.example.com',
    'https://a.example.com@evil.example',
  )
  for (const origin of others) t.notOk(allows(pattern, origin, 'x'), origin)
  t.ok(allows(['http://*.example.com:8080'], 'http://a.example.com:8080', 'x'))
  t.ok(allows(['https://*.bücher.example'], 'https://a.xn--bcher-kva.example', 'x'))
})

t.test('`:*` stands for any port', async (t) => {
  t.ok(allows(['http://dev.example.com:*'], 'http://dev.example.com:5173', 'x'))
  t.ok(allows(['http://dev.example.com:*'], 'http://dev.example.com', 'x'))
  t.ok(allows(['https://*.example.com:*'], 'https://a.example.com:9', 'x'))
  t.notOk(allows(['http://dev.example.com:*'], 'https://dev.example.com', 'x'))
  t.notOk(allows(['http://dev.example.com:*'], 'http://a.dev.example.com', 'x'))
  t.ok(allows(['http://[::2]:*'], 'http://[::2]:8', 'x'))
})

t.test('a pattern that no browser ever sends is refused', async (t) => {
  const never = [
    'example.com',
    '*.example.com',
    'https://',
    'https://a/b',
    'https://a/',
    'https://u@a',
    'https://a?b',
  ]
  never.push(
    'ws://example.com',
    'wss://example.com',
    'https://*',
    'https://*example.com',
    'https://a.*.com',
    '*://a',
  )
  never.push(
    'https://a.com:0',
    'https://a.com:65536',
    'https://a.com:x',
    'https://*.1.2.3.4',
    'https://*.[::1]',
  )
  never.push(
    'https://[::1',
    'https://256.1.1.1',
    'capacitor://*.localhost',
    'https://a b',
    '',
    'Null ',
    'https://**.a',
  )
  for (const pattern of never) t.equal(readOriginPattern(pattern), undefined, pattern)
})

/** Node 20's `URL.canParse`, once it is optimised, reads these as UTF-8 and takes them for a URL; `new URL` throws. */
t.test('an origin that is no URL is refused, however often it was asked about', async (t) => {
  const check = originCheck(['https://a.example'])
  const origin = 'http://a\xe2\x80\x8b.example'
  for (let n = 0; n < 20_000; n++) if (check(origin, () => ['a.example'])) t.fail(`allowed at ${n}`)
  t.notOk(check(origin, () => ['a.example']))
})
