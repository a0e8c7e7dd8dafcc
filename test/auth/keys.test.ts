import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import t from 'tap'
import { loadTokenKeys, type TokenAlgorithm, type TokenKeys } from '../../src/auth/keys.js'
import { issueToken, verifyToken } from '../../src/auth/tokens.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { nextPlace } from '../../src/rules/logins/token-order.js'

const START_MS = 1_700_000_000_000
const claims = { userId: 'u1', platformId: Platform.Web }
const ttlS = 3_600

const rsa = [newRsa(2048), newRsa(2048)] as const
const ec = [newEc('P-256'), newEc('P-256')] as const
const smallRsa = newRsa(1024)
const otherCurve = newEc('P-384')

interface Pair {
  publicKey: KeyObject
  privateKey: KeyObject
}

function newRsa(modulusLength: number): Pair {
  return generateKeyPairSync('rsa', { modulusLength })
}

function newEc(namedCurve: string): Pair {
  return generateKeyPairSync('ec', { namedCurve })
}

const pem = ({ publicKey }: Pair) => publicKey.export({ type: 'spki', format: 'pem' }).toString()
const privatePem = ({ privateKey }: Pair) => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const jwk = ({ publicKey }: Pair, members: object = {}) => ({
  ...publicKey.export({ format: 'jwk' }),
  ...members,
})
const privateJwk = ({ privateKey }: Pair, members: object = {}) => ({
  ...privateKey.export({ format: 'jwk' }),
  ...members,
})
const jwks = (...keys: object[]) => JSON.stringify({ keys })

const dir = mkdtempSync(join(tmpdir(), 'porchlight-keys-'))
t.teardown(() => rmSync(dir, { recursive: true }))
let writes = 0

/** Write a file. Every write has a time of its own, however coarse those of the file system are. */
function put(content: string, path = join(dir, `keys-${++writes}`)): string {
  writeFileSync(path, content)
  utimesSync(path, START_MS / 1000, START_MS / 1000 + ++writes)
  return path
}

/** Keys from files with these contents, a clock to turn, and what was reported. */
async function load(algorithm: TokenAlgorithm, publicKeys: string, privateKey = '') {
  const path = put(publicKeys)
  const reports: string[] = []
  const clock = { nowMs: START_MS }
  const keys = await loadTokenKeys({
    algorithm,
    secret: '',
    publicKeysPath: path,
    privateKeyPath: privateKey === '' ? '' : put(privateKey),
    nowMs: () => clock.nowMs,
    report: (message) => reports.push(message),
  })
  const verify = async (token: string) => {
    const verdict = await verifyToken(token, { keys, nowMs: START_MS })
    return verdict.ok ? 0 : verdict.errCode
  }
  return { keys, clock, path, reports, verify }
}

/** A token of another maker. */
function tokenBy(algorithm: TokenAlgorithm, { privateKey }: Pair, kid?: string): Promise<string> {
  return new SignJWT({ UserID: 'u1', PlatformID: Platform.Web })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setExpirationTime(START_MS / 1000 + ttlS)
    .sign(privateKey)
}

const place = nextPlace([], START_MS, '00000000')
const issue = (keys: TokenKeys) => issueToken({ ...claims, ...place }, { keys, ttlS, nowMs: START_MS })
const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as Record<string, unknown>

/** Long runs of key material, none of which may come up in a message. */
const materialIn = (content: string) => content.match(/[A-Za-z0-9+/_-]{24,}/g) ?? []

t.test('a PEM file has one key, which checks tokens whatever name they give it', async (t) => {
  for (const [algorithm, pairs] of [
    ['RS256', rsa],
    ['ES256', ec],
  ] as const) {
    const { verify, keys } = await load(algorithm, pem(pairs[0]))
    t.equal(keys.algorithm, algorithm)
    t.equal(await verify(await tokenBy(algorithm, pairs[0])), 0)
    t.equal(await verify(await tokenBy(algorithm, pairs[0], 'any name')), 0)
    t.equal(
      await verify(await tokenBy(algorithm, pairs[0], 7 as unknown as string)),
      WireCode.TokenUnknownError,
      'a number is no name',
    )
    t.equal(await verify(await tokenBy(algorithm, pairs[1])), WireCode.TokenUnknownError)
  }
})

t.test('a certificate serves as its key', async (t) => {
  // Made by: openssl req -x509 -new -key <a P-256 key> -subj /CN=t -days 36500. The token is by the same key.
  const certificate = `-----BEGIN CERTIFICATE-----
MIIBbjCCARWgAwIBAgIUZs8HDEgsVXHNNLU7V9nWQe0lulkwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjEwMTIwNTJaGA8yMTI2MTAyODAxMjA1Mlow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABE4P0TD+OaMH
iFkjzd+XjZejSZ8yMmxjOdAOEuriVIG4XEsp0R6tmHH/LgALnrN0K4rRpsi7koes
uQyg1Q1YJqqjUzBRMB0GA1UdDgQWBBS9EfVDLY5sda2fs2CUcfdcK6cGkDAfBgNV
HSMEGDAWgBS9EfVDLY5sda2fs2CUcfdcK6cGkDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0cAMEQCIH/8ZHaYVqbzY+92gkeiNDsSdHEMUA6IYakIMM2K1X59
AiAKiNrDZYWnNYatVMpYD9bLlPCKg8ZDVFTaSBMSNnv4ow==
-----END CERTIFICATE-----
`
  const token =
    'eyJhbGciOiJFUzI1NiJ9.eyJVc2VySUQiOiJ1MSIsIlBsYXRmb3JtSUQiOjUsImV4cCI6MTcwMDAwMDA2MH0.' +
    'y38T6UB1wi-ESASm6mswF1ViKfMuhMZk3csqJGPJoZZmXXJhrq4tVcNdvijMn7j9nJMIKrh8QGAV5GWY9P_zIQ'
  const { verify } = await load('ES256', certificate)
  t.equal(await verify(token), 0)
})

t.test('of several keys, the one that a token names checks it', async (t) => {
  const { verify } = await load('ES256', jwks(jwk(ec[0], { kid: 'a' }), jwk(ec[1], { kid: 'b' })))
  t.equal(await verify(await tokenBy('ES256', ec[0], 'a')), 0)
  t.equal(await verify(await tokenBy('ES256', ec[1], 'b')), 0)
  t.equal(
    await verify(await tokenBy('ES256', ec[0], 'b')),
    WireCode.TokenUnknownError,
    'no other key is tried',
  )
  t.equal(await verify(await tokenBy('ES256', ec[0], 'c')), WireCode.TokenUnknownError)
  t.equal(await verify(await tokenBy('ES256', ec[0])), WireCode.TokenUnknownError, 'which one is not said')
})

t.test('a key that is alone serves tokens without a kid, and any kid if it has none itself', async (t) => {
  const named = await load('ES256', jwks(jwk(ec[0], { kid: 'a' })))
  t.equal(await named.verify(await tokenBy('ES256', ec[0])), 0)
  t.equal(await named.verify(await tokenBy('ES256', ec[0], 'b')), WireCode.TokenUnknownError)
  const unnamed = await load('ES256', jwks(jwk(ec[0])))
  t.equal(await unnamed.verify(await tokenBy('ES256', ec[0], 'b')), 0)
})

t.test('keys that are not for checking tokens of this algorithm are passed over', async (t) => {
  const others = [
    jwk(rsa[0], { kid: 'rsa' }),
    jwk(otherCurve, { kid: 'curve' }),
    jwk(ec[0], { kid: 'alg', alg: 'ECDH-ES' }),
    jwk(ec[0], { kid: 'use', use: 'enc' }),
    jwk(ec[0], { kid: 'ops', key_ops: ['deriveBits'] }),
    jwk(smallRsa, { kid: 'small' }),
    { kty: 'new', kid: 'new' },
  ]
  const own = jwk(ec[1], { kid: 'own', alg: 'ES256', use: 'sig', key_ops: ['verify'] })
  const { verify } = await load('ES256', jwks(...others, own))
  t.equal(await verify(await tokenBy('ES256', ec[1], 'own')), 0)
  t.equal(await verify(await tokenBy('ES256', ec[1])), 0, 'and do not count')
  for (const kid of ['alg', 'use', 'ops'])
    t.equal(await verify(await tokenBy('ES256', ec[0], kid)), WireCode.TokenUnknownError, kid)
})

t.test('a file that does not serve is refused with what is expected, and without its content', async (t) => {
  const oct = { kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url'), kid: 'x' }
  const damaged = pem(rsa[0]).replace(/^MII.{8}/m, 'AAAA')
  const refused: [TokenAlgorithm, string, RegExp][] = [
    ['RS256', '', /holds a key that cannot be read/],
    ['RS256', damaged, /holds a key that cannot be read/],
    ['RS256', pem(ec[0]), /holds no key for RS256/],
    ['RS256', pem(smallRsa), /holds an RSA key of 1024 bits/],
    ['RS256', pem(rsa[0]) + pem(rsa[1]), /holds several PEM blocks/],
    ['RS256', privatePem(rsa[0]), /holds a private key/],
    ['ES256', pem(rsa[0]), /holds no key for ES256/],
    ['ES256', pem(otherCurve), /holds no key for ES256/],
    ['ES256', '{"keys":', /is not JSON/],
    ['ES256', JSON.stringify(jwk(ec[0])), /is JSON without a list of keys/],
    ['ES256', '{"keys":[null]}', /is JSON without a list of keys/],
    ['ES256', jwks(), /holds no key for ES256/],
    ['ES256', jwks(jwk(rsa[0], { kid: 'a' })), /holds no key for ES256/],
    ['ES256', jwks(jwk(ec[0], { kid: 'a' }), oct), /holds a symmetric or private key/],
    ['ES256', jwks(privateJwk(ec[0], { kid: 'a' })), /holds a symmetric or private key/],
    ['ES256', jwks(jwk(ec[0], { kid: 1 })), /holds a kid that is not a string/],
    ['ES256', jwks(jwk(ec[0], { kid: 'a' }), jwk(ec[1])), /holds several keys, and one without a kid/],
    ['ES256', jwks(jwk(ec[0]), jwk(ec[1])), /holds several keys, and one without a kid/],
    ['ES256', jwks(jwk(ec[0], { kid: 'a' }), jwk(ec[1], { kid: 'a' })), /holds two keys with one kid/],
    ['ES256', jwks(jwk(ec[0], { x: jwk(ec[1]).x })), /holds a key that cannot be read/],
    ['RS256', jwks(jwk(smallRsa, { kid: 'a' }), jwk(rsa[0], { kid: 'b' })), /holds an RSA key of 1024 bits/],
  ]
  for (const [algorithm, content, reason] of refused) {
    const fault = await load(algorithm, content).catch((error: unknown) => error)
    t.match(fault, { code: 'BAD_SETTING', message: reason }, reason.source)
    const { message } = fault as Error
    t.match(
      message,
      /^AUTH_PUBLIC_KEYS \(.+\) .+; expected a PEM public key or certificate, or a JWKS, with an/,
    )
    for (const run of materialIn(content)) t.notOk(message.includes(run), 'the content stays out of it')
  }
  const gone = { algorithm: 'RS256' as const, secret: '', privateKeyPath: '', nowMs: Date.now, report() {} }
  await t.rejects(loadTokenKeys({ ...gone, publicKeysPath: join(dir, 'none') }), {
    code: 'BAD_SETTING',
    message: /^AUTH_PUBLIC_KEYS \(.+\/none\) cannot be read \(ENOENT\); expected/,
  })
  await t.rejects(loadTokenKeys({ ...gone, publicKeysPath: dir }), { message: /cannot be read \(EISDIR\)/ })
})

t.test('a node with the private key makes tokens that any node with the public one takes', async (t) => {
  const sec1 = ec[0].privateKey.export({ type: 'sec1', format: 'pem' }).toString()
  const pkcs1 = rsa[0].privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const rsaSet = jwks(jwk(rsa[0], { kid: 'a' }), jwk(rsa[1], { kid: 'b' }))
  const makers: [TokenAlgorithm, string, string, string | undefined][] = [
    ['RS256', pem(rsa[0]), privatePem(rsa[0]), undefined],
    ['RS256', pem(rsa[0]), pkcs1, undefined],
    ['RS256', rsaSet, privatePem(rsa[1]), 'b'],
    ['ES256', pem(ec[0]), sec1, undefined],
    ['ES256', pem(ec[0]), JSON.stringify(privateJwk(ec[0], { kid: 'own' })), 'own'],
    ['ES256', jwks(jwk(ec[0], { kid: 'a' })), JSON.stringify(privateJwk(ec[0], { kid: 'a' })), 'a'],
    ['ES256', jwks(jwk(ec[0], { kid: 'public' })), JSON.stringify(privateJwk(ec[0])), 'public'],
  ]
  for (const [algorithm, publicKeys, privateKey, kid] of makers) {
    const maker = await load(algorithm, publicKeys, privateKey)
    t.equal(maker.keys.canSign, true)
    const token = await issue(maker.keys)
    t.same(headerOf(token), { alg: algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    const other = await load(algorithm, publicKeys)
    t.equal(await other.verify(token), 0)
    t.equal(other.keys.canSign, false)
    await t.rejects(issue(other.keys), /no private key/)
  }
})

t.test('a private key that does not serve is refused by name, without its content', async (t) => {
  const withPassword = ec[0].privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const refused: [TokenAlgorithm, string, string, RegExp][] = [
    ['ES256', pem(ec[0]), privatePem(ec[1]), /^AUTH_PRIVATE_KEY fits no key of AUTH_PUBLIC_KEYS/],
    ['ES256', pem(ec[0]), pem(ec[0]), /holds a key that cannot be read/],
    ['ES256', pem(ec[0]), JSON.stringify(jwk(ec[0])), /holds a key that cannot be read/],
    ['ES256', pem(ec[0]), withPassword, /holds a key that cannot be read/],
    ['ES256', pem(ec[0]), '{', /is not JSON/],
    ['ES256', pem(ec[0]), privatePem(rsa[0]), /holds no key for ES256/],
    ['RS256', pem(rsa[0]), privatePem(smallRsa), /holds an RSA key of 1024 bits/],
  ]
  for (const [algorithm, publicKeys, privateKey, reason] of refused) {
    const fault = await load(algorithm, publicKeys, privateKey).catch((error: unknown) => error)
    t.match(fault, { code: 'BAD_SETTING', message: reason }, reason.source)
    const { message } = fault as Error
    t.match(message, /^AUTH_PRIVATE_KEY .+; expected a .*P|^AUTH_PRIVATE_KEY fits .+; expected a pair\.$/)
    for (const run of materialIn(privateKey)) t.notOk(message.includes(run), 'the content stays out of it')
  }
})

t.test('HS256 has its secret, and no public key is one', async (t) => {
  const options = {
    algorithm: 'HS256' as const,
    publicKeysPath: '',
    privateKeyPath: '',
    nowMs: () => START_MS,
    report: (message: string) => t.fail(message),
  }
  const keys = await loadTokenKeys({ ...options, secret: 'Gq4zW9mT1xJ7vB2nK5pL' })
  t.match(keys, { algorithm: 'HS256', canSign: true, generation: 0 })
  t.equal(keys.refresh(), undefined)
  const token = await issue(keys)
  t.equal((await verifyToken(token, { keys, nowMs: START_MS })).ok, true)
  await t.rejects(loadTokenKeys({ ...options, secret: '' }), { code: 'BAD_SETTING', message: /is not set/ })
  const publicKey = pem(rsa[0])
  const fault = await loadTokenKeys({ ...options, secret: publicKey }).catch((error: unknown) => error)
  t.match(fault, { code: 'BAD_SETTING', message: /^AUTH_SECRET is a PEM key or certificate; expected/ })
  for (const run of materialIn(publicKey)) t.notOk((fault as Error).message.includes(run))
})

t.test('a key that was added is found once a token names it, a second after the last look', async (t) => {
  const { verify, clock, path, keys } = await load('ES256', jwks(jwk(ec[0], { kid: 'a' })))
  const token = await tokenBy('ES256', ec[1], 'b')
  clock.nowMs += 5_000
  t.equal(await verify(token), WireCode.TokenUnknownError, 'not there yet; this was a look')
  put(jwks(jwk(ec[0], { kid: 'a' }), jwk(ec[1], { kid: 'b' })), path)
  clock.nowMs += 999
  t.equal(await verify(token), WireCode.TokenUnknownError, 'unknown names do not make it look more often')
  t.equal(keys.generation, 1)
  clock.nowMs += 1
  t.equal(await verify(token), 0)
  t.equal(await verify(await tokenBy('ES256', ec[0], 'a')), 0)
  t.equal(keys.generation, 2)
})

t.test('a key that was removed ends its tokens within half a minute', async (t) => {
  const { verify, clock, path, keys } = await load(
    'ES256',
    jwks(jwk(ec[0], { kid: 'a' }), jwk(ec[1], { kid: 'b' })),
  )
  const token = await tokenBy('ES256', ec[1], 'b')
  put(jwks(jwk(ec[0], { kid: 'a' })), path)
  clock.nowMs += 29_999
  t.equal(keys.refresh(), undefined)
  t.equal(await verify(token), 0)
  clock.nowMs += 1
  t.equal(await verify(token), WireCode.TokenUnknownError)
  t.equal(keys.generation, 2)
})

t.test('a PEM that was replaced is taken up within half a minute', async (t) => {
  const { verify, clock, path } = await load('RS256', pem(rsa[0]))
  put(pem(rsa[1]), path)
  clock.nowMs += 30_000
  t.equal(await verify(await tokenBy('RS256', rsa[1])), 0)
  t.equal(await verify(await tokenBy('RS256', rsa[0])), WireCode.TokenUnknownError)
})

t.test('calls that come while the file is being read wait for the same reading', async (t) => {
  const { keys, clock, path } = await load('ES256', pem(ec[0]))
  put(pem(ec[1]), path)
  clock.nowMs += 30_000
  const look = keys.refresh()
  t.not(look, undefined)
  t.equal(keys.refresh(), look)
  const found = await Promise.all(Array.from({ length: 20 }, () => keys.keyFor(undefined)))
  t.equal(new Set(found).size, 1)
  t.equal(keys.generation, 2)
  t.equal(keys.refresh(), undefined)
})

t.test('a file that did not change is not read again', async (t) => {
  const { keys, clock } = await load('ES256', pem(ec[0]))
  clock.nowMs += 30_000
  await keys.refresh()
  t.equal(keys.generation, 1)
})

t.test('a clock that is set back does not put off the next look', async (t) => {
  const { verify, clock, path } = await load('ES256', pem(ec[0]))
  put(pem(ec[1]), path)
  clock.nowMs -= 3_600_000
  t.equal(await verify(await tokenBy('ES256', ec[0])), WireCode.TokenUnknownError)
})

t.test('a file that is damaged or gone leaves the old keys in use, and is reported once', async (t) => {
  const { verify, clock, path, reports, keys } = await load('ES256', pem(ec[0]))
  const token = await tokenBy('ES256', ec[0])
  const lookAgain = async () => {
    clock.nowMs += 30_000
    return verify(token)
  }
  put(pem(ec[1]).slice(0, 60), path)
  t.equal(await lookAgain(), 0)
  t.equal(await lookAgain(), 0)
  t.match(reports, [
    /^AUTH_PUBLIC_KEYS .+ cannot be read; expected .+\. The keys that were read before stay in use\.$/,
  ])
  rmSync(path)
  t.equal(await lookAgain(), 0)
  t.equal(await lookAgain(), 0)
  t.match(reports.slice(1), [/cannot be read \(ENOENT\)/])
  t.equal(reports.length, 2)
  t.equal(keys.generation, 1)

  put(pem(ec[1]), path)
  t.equal(await lookAgain(), WireCode.TokenUnknownError, 'the new key is taken up')
  t.equal(reports.length, 2)
  rmSync(path)
  await lookAgain()
  t.equal(reports.length, 3, 'what happens again is reported again')
  for (const run of materialIn(pem(ec[1]))) t.notOk(reports.join().includes(run))
})

t.test('a node whose own key was removed makes no more tokens, until it is back', async (t) => {
  const { clock, path, reports, keys } = await load('ES256', pem(ec[0]), privatePem(ec[0]))
  put(pem(ec[1]), path)
  clock.nowMs += 30_000
  await t.rejects(issue(keys), /no private key that fits/)
  t.equal(keys.canSign, false)
  t.match(reports, [/^AUTH_PUBLIC_KEYS lost the key of AUTH_PRIVATE_KEY/])
  put(jwks(jwk(ec[0], { kid: 'a' }), jwk(ec[1], { kid: 'b' })), path)
  clock.nowMs += 30_000
  const token = await issue(keys)
  t.equal(headerOf(token).kid, 'a', 'under the name that it has now')
  t.equal(reports.length, 1)
})
