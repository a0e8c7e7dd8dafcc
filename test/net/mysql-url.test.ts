/** DATABASE_URL: what it may say, and what is refused with which words. */
import fc from 'fast-check'
import t from 'tap'
import { parseMysqlUrl } from '../../src/net/mysql-url.js'

const LEAST = { host: 'h', port: 3306, username: 'u', password: '', database: 'd' }

t.test('each part of a URL is read', async (t) => {
  const good: [string, object][] = [
    ['mysql://u@h/d', LEAST],
    ['MySQL://u@h:3307/d', { ...LEAST, port: 3307 }],
    ['mysql://u:p@h/d', { ...LEAST, password: 'p' }],
    [
      'mysql://u%40x:p%40ss%2Fwo%27rd%25@h/d%2B1',
      { ...LEAST, username: 'u@x', password: "p@ss/wo'rd%", database: 'd+1' },
    ],
    ['mysql://u@[::1]:3306/d', { ...LEAST, host: '::1' }],
    ['mysql://u@10.0.0.1/d', { ...LEAST, host: '10.0.0.1' }],
    ['mysql://u@my_db-1.internal/d', { ...LEAST, host: 'my_db-1.internal' }],
    ['mysql://u@h/d?tls=false', LEAST],
    ['mysql://u@h/d?tls=true', { ...LEAST, tls: { isVerified: true, serverName: 'h' } }],
    [
      'mysql://u@10.0.0.1/d?tls=skip-verify',
      { ...LEAST, host: '10.0.0.1', tls: { isVerified: false, serverName: '10.0.0.1' } },
    ],
    [
      'mysql://u@10.0.0.1/d?tls=true&tlsServerName=db.example.org&tlsCaFile=%2Fetc%2Fca.pem&tlsCertFile=c&tlsKeyFile=k',
      {
        ...LEAST,
        host: '10.0.0.1',
        tls: {
          isVerified: true,
          serverName: 'db.example.org',
          caFile: '/etc/ca.pem',
          certFile: 'c',
          keyFile: 'k',
        },
      },
    ],
  ]
  for (const [text, expected] of good) t.strictSame(parseMysqlUrl(text), expected, text)
})

t.test('a URL that cannot be used is refused with the reason', async (t) => {
  const bad: [string, RegExp][] = [
    ['', /^does not begin with mysql:\/\//],
    ['postgres://u@h/d', /^does not begin with mysql:\/\//],
    ['u@h/d', /^does not begin with mysql:\/\//],
    ['mysql://u:p/q@h/d', /^is not a URL/],
    ['mysql://u@h:99999/d', /^is not a URL/],
    ['mysql://u@h:0/d', /^has the port 0/],
    ['mysql://u:%zz@h/d', /^has a % in its user or password/],
    ['mysql://h/d', /^names no user/],
    ['mysql://:p@h/d', /^names no user/],
    ['mysql:///d', /^names no (user|host)/],
    ['mysql://u@h%20x/d', /^names no valid host/],
    ['mysql://u@h', /^names no database/],
    ['mysql://u@h/', /^names no database/],
    ['mysql://u@h/%zz', /^names no database/],
    ['mysql://u@h/a/b', /^has a path that is not the name of a database/],
    ['mysql://u@h/d#x', /^has a # after the database/],
    ['mysql://u@h/d?ssl=true', /^has a parameter that is none of tls, tlsServerName/],
    ['mysql://u@h/d?tls=yes', /^has a parameter tls that is none of false, true, skip-verify/],
    ['mysql://u@h/d?tls=true&tls=false', /^has the parameter tls twice/],
    ['mysql://u@h/d?tlsCaFile=ca', /^has tlsCaFile without tls=true/],
    ['mysql://u@h/d?tls=false&tlsCaFile=ca', /^has tlsCaFile without tls=true/],
    ['mysql://u@h/d?tls=true&tlsCaFile=', /^has an empty parameter tlsCaFile/],
    ['mysql://u@h/d?tls=true&tlsCertFile=c', /^has one of tlsCertFile and tlsKeyFile/],
    ['mysql://u@h/d?tls=skip-verify&tlsCaFile=ca', /^has tlsCaFile or tlsServerName, but verifies nothing/],
    [
      'mysql://u@h/d?tls=skip-verify&tlsServerName=x',
      /^has tlsCaFile or tlsServerName, but verifies nothing/,
    ],
    ['mysql://u@10.0.0.1/d?tls=true', /^names its host by an address: set tlsServerName/],
    ['mysql://u@[::1]/d?tls=true', /^names its host by an address: set tlsServerName/],
  ]
  for (const [text, reason] of bad) t.match(parseMysqlUrl(text), { fault: reason }, text)
})

t.test('no reason repeats the password', async (t) => {
  const tails = [
    'h',
    'h/',
    'h/d?x=1',
    'h:0/d',
    'h/a/b',
    'h/d#x',
    'h/d?tls=hunter2',
    '10.0.0.1/d?tls=true',
    '%20/d',
  ]
  for (const tail of tails) {
    const parsed = parseMysqlUrl(`mysql://u:hunter2%@${tail}`)
    t.notMatch(JSON.stringify(parsed), /hunter2/)
    t.match(parseMysqlUrl(`mysql://u:hunter2@${tail}`), { fault: /^(?!.*hunter2)/ })
  }
})

t.test('any user, password and database come back when they are percent-encoded', async () => {
  const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes('/'))
  const property = fc.property(
    name,
    fc.string({ unit: 'grapheme' }),
    name,
    (username, password, database) => {
      const [user, secret, db] = [username, password, database].map(encodeURIComponent)
      // `.` and `..` are no names in a path, however they are encoded.
      fc.pre(!/^(\.|%2e){1,2}$/i.test(db!))
      const parsed = parseMysqlUrl(`mysql://${user}:${secret}@h/${db}`)
      return (
        'username' in parsed &&
        parsed.username === username &&
        parsed.password === password &&
        parsed.database === database
      )
    },
  )
  fc.assert(property)
})
