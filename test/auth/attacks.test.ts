/**
 * Tokens that somebody made up, against nodes of each algorithm. That little work is done on them is shown by
 * counting who gets as far as a key, not by the clock.
 */
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { canonicalToken } from '../../src/auth/canonical-token.js'
import { loadTokenKeys, type TokenAlgorithm, type TokenKeys } from '../../src/auth/keys.js'
import { TOKEN_BYTES_MAX, verifyToken } from '../../src/auth/tokens.js'
import { loadConfig } from '../../src/config/config.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'

const SECRET = 'Gq4zW9mT1xJ7vB2nK5pL'
const NOW_S = 1_700_000_000
const claims = { UserID: 'u1', PlatformID: Platform.Web, exp: NOW_S + 60 }

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const attacker = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
}

const dir = mkdtempSync(join(tmpdir(), 'porchlight-attacks-'))
t.teardown(() => rmSync(dir, { recursive: true }))

let files = 0

/** A node that checks tokens, and how often a token got as far as to ask it for a key. */
interface Node {
  algorithm: TokenAlgorithm
  asked: number
  codeOf(token: string): Promise<number>
}

async function startNode(algorithm: TokenAlgorithm, publicKeys = ''): Promise<Node> {
  const publicKeysPath = join(dir, `keys-${++files}`)
  writeFileSync(publicKeysPath, publicKeys)
  const real = await loadTokenKeys({
    algorithm,
    secret: SECRET,
    publicKeysPath,
    privateKeyPath: '',
    nowMs: () => NOW_S * 1000,
    report: (message) => t.fail(message),
  })
  const keys: TokenKeys = {
    algorithm,
    generation: 1,
    canSign: false,
    refresh: () => real.refresh(),
    sign: (token) => real.sign(token),
    keyFor: (kid) => {
      node.asked++
      return real.keyFor(kid)
    },
    ...(real.mac && {
      mac: (signed: string) => {
        node.asked++
        return real.mac!(signed)
      },
    }),
  }
  const node: Node = {
    algorithm,
    asked: 0,
    codeOf: async (token) => {
      const verdict = await verifyToken(token, { keys, nowMs: NOW_S * 1000 })
      return verdict.ok ? 0 : verdict.errCode
    },
  }
  return node
}

const pemOf = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const jwkOf = (key: KeyObject, members: object = {}) => ({ ...key.export({ format: 'jwk' }), ...members })

const nodes = {
  HS256: await startNode('HS256'),
  RS256: await startNode('RS256', pemOf(rsa.publicKey)),
  ES256: await startNode('ES256', pemOf(ec.publicKey)),
}
const everyNode = Object.values(nodes)

// Forging: parts may be any text, so that what no library would write can be sent.

const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

type Signer = (signed: string) => Buffer

const hmac =
  (secret: string | Buffer, hash = 'sha256'): Signer =>
  (signed) =>
    createHmac(hash, secret).update(signed).digest()
const rsaSign =
  (key: KeyObject, hash = 'sha256'): Signer =>
  (signed) =>
    sign(hash, Buffer.from(signed), key)
const ecSign =
  (key: KeyObject, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Signer =>
  (signed) =>
    sign('sha256', Buffer.from(signed), { key, dsaEncoding })
const signers = { HS256: hmac(SECRET), RS256: rsaSign(rsa.privateKey), ES256: ecSign(ec.privateKey) }

function forge(header: unknown, payload: unknown, signer: Signer): string {
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${signer(signed).toString('base64url')}`
}

/** A good token for a node, but for what is given here. */
const tokenFor = (node: Node, header: object = {}, payload: unknown = claims) =>
  forge({ alg: node.algorithm, typ: 'JWT', ...header }, payload, signers[node.algorithm])

t.test('the forgeries that follow are signed with a valid key', async (t) => {
  for (const node of everyNode) t.equal(await node.codeOf(tokenFor(node)), 0, node.algorithm)
})

t.test('a public key is no secret to sign with, in whatever form', async (t) => {
  const forms: Record<string, string | Buffer> = {}
  for (const [name, key] of Object.entries({ RSA: rsa.publicKey, EC: ec.publicKey })) {
    const der = key.export({ type: 'spki', format: 'der' })
    forms[`${name} PEM`] = pemOf(key)
    forms[`${name} PEM without the last newline`] = pemOf(key).trim()
    forms[`${name} PEM with CRLF`] = pemOf(key).replaceAll('\n', '\r\n')
    forms[`${name} DER`] = der
    forms[`${name} DER as base64`] = der.toString('base64')
    forms[`${name} JWK`] = JSON.stringify(jwkOf(key))
    forms[`${name} JWKS`] = JSON.stringify({ keys: [jwkOf(key)] })
  }
  forms['RSA PKCS#1'] = rsa.publicKey.export({ type: 'pkcs1', format: 'pem' })
  forms['RSA modulus'] = Buffer.from(jwkOf(rsa.publicKey).n as string, 'base64url')
  forms.nothing = ''
  for (const [form, secret] of Object.entries(forms)) {
    const asHmac = forge({ alg: 'HS256', typ: 'JWT' }, claims, hmac(secret))
    for (const node of everyNode)
      t.equal(await node.codeOf(asHmac), WireCode.TokenUnknownError, `${form}, ${node.algorithm} node`)
    // The header of the node's own algorithm does not make an HMAC a signature either.
    for (const node of [nodes.RS256, nodes.ES256]) {
      const disguised = forge({ alg: node.algorithm, typ: 'JWT' }, claims, hmac(secret))
      t.equal(
        await node.codeOf(disguised),
        WireCode.TokenUnknownError,
        `${form} disguised, ${node.algorithm} node`,
      )
    }
  }
})

t.test('a token of another algorithm never gets as far as a key', async (t) => {
  const algs = ['none', 'None', 'nOnE', 'NONE', 'none ', 'HS384', 'HS512', 'RS384', 'RS512', 'PS256', 'ES384']
  algs.push('ES512', 'ES256K', 'EdDSA', 'Ed25519', 'dir', 'RSA-OAEP', 'A256GCMKW', '__proto__', 'constructor')
  for (const node of everyNode) {
    const { algorithm } = node
    const others = everyNode.map((other) => other.algorithm).filter((other) => other !== algorithm)
    const spellings = [algorithm.toLowerCase(), ` ${algorithm}`, `${algorithm}\0`, `${algorithm},none`]
    node.asked = 0
    for (const alg of [...algs, ...others, ...spellings]) {
      const signed = tokenFor(node, { alg })
      const [header, payload] = signed.split('.')
      const what = `${JSON.stringify(alg)} at a node of ${algorithm}`
      t.equal(await node.codeOf(signed), WireCode.TokenUnknownError, `${what}, signed`)
      t.equal(await node.codeOf(`${header}.${payload}.`), WireCode.TokenUnknownError, `${what}, unsigned`)
    }
    for (const alg of [null, undefined, 0, true, '', [algorithm], { alg: algorithm }]) {
      t.equal(
        await node.codeOf(tokenFor(node, { alg })),
        WireCode.TokenMalformedError,
        `${JSON.stringify(alg)} is no name`,
      )
    }
    t.equal(node.asked, 0)
  }
})

t.test('other hashes and paddings with the right keys are refused', async (t) => {
  const pss: Signer = (signed) =>
    sign('sha256', Buffer.from(signed), {
      key: rsa.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 32,
    })
  const made: [Node, string, Signer][] = [
    [nodes.HS256, 'HS384', hmac(SECRET, 'sha384')],
    [nodes.HS256, 'HS512', hmac(SECRET, 'sha512')],
    [nodes.RS256, 'RS384', rsaSign(rsa.privateKey, 'sha384')],
    [nodes.RS256, 'RS512', rsaSign(rsa.privateKey, 'sha512')],
    [nodes.RS256, 'PS256', pss],
    [nodes.ES256, 'ES256', ecSign(ec.privateKey, 'der')],
  ]
  for (const [node, alg, signer] of made) {
    t.equal(await node.codeOf(forge({ alg, typ: 'JWT' }, claims, signer)), WireCode.TokenUnknownError, alg)
    const disguised = forge({ alg: node.algorithm, typ: 'JWT' }, claims, signer)
    t.equal(await node.codeOf(disguised), WireCode.TokenUnknownError, `${alg} as ${node.algorithm}`)
  }
})

t.test('a token brings no key of its own', async (t) => {
  const attackers = {
    HS256: hmac('attacker'),
    RS256: rsaSign(attacker.rsa.privateKey),
    ES256: ecSign(attacker.ec.privateKey),
  }
  const jwks = {
    HS256: { kty: 'oct', k: encode('attacker') },
    RS256: jwkOf(attacker.rsa.publicKey, { alg: 'RS256', use: 'sig', kid: 'own' }),
    ES256: jwkOf(attacker.ec.publicKey, { alg: 'ES256', use: 'sig', kid: 'own' }),
  }
  for (const node of everyNode) {
    const jwk = jwks[node.algorithm]
    const brought = [
      { jwk },
      { jwk, kid: 'own' },
      { jku: 'http://127.0.0.1:9/jwks.json', kid: 'own' },
      { jku: `data:application/json,${JSON.stringify({ keys: [jwk] })}` },
      { x5u: 'http://127.0.0.1:9/cert.pem' },
      { x5c: [encode('a certificate')], x5t: 'x' },
      { keys: [jwk] },
    ]
    for (const header of brought) {
      const made = forge({ alg: node.algorithm, typ: 'JWT', ...header }, claims, attackers[node.algorithm])
      t.equal(
        await node.codeOf(made),
        WireCode.TokenUnknownError,
        `${Object.keys(header)}, ${node.algorithm} node`,
      )
      t.equal(await node.codeOf(tokenFor(node, header)), 0, 'and it does no harm under a good signature')
    }
  }
})

t.test('the name of a key is a name, not a path, an address, a query or a member', async (t) => {
  const named = await startNode(
    'ES256',
    JSON.stringify({
      keys: [jwkOf(ec.publicKey, { kid: 'a' }), jwkOf(attacker.ec.publicKey, { kid: 'b' })],
    }),
  )
  t.equal(await named.codeOf(tokenFor(named, { kid: 'a' })), 0)
  const names: unknown[] = [
    '../../etc/passwd',
    '/dev/null',
    'file:///etc/passwd',
    '//attacker/share',
    'a\0',
    ' a',
  ]
  names.push(
    'http://127.0.0.1:9/key',
    "a' OR '1'='1",
    'a; cat /etc/passwd',
    '$(id)',
    '__proto__',
    'constructor',
  )
  names.push('toString', 'hasOwnProperty', 'size', '', 'A', 'á', 'x'.repeat(2_000), '0')
  names.push(null, 0, 1, true, false, ['a'], { a: 1 }, { toString: 'a' }, [], [['a']])
  for (const kid of names) {
    const token = tokenFor(named, { kid })
    t.equal(await named.codeOf(token), WireCode.TokenUnknownError, JSON.stringify(kid).slice(0, 40))
    const [header, payload] = token.split('.')
    t.equal(
      await named.codeOf(`${header}.${payload}.`),
      WireCode.TokenUnknownError,
      'nor does it stand for an empty key',
    )
  }
  // HS256 has one key, whatever its name: with the content of /dev/null for a secret nothing can be signed.
  for (const kid of ['../../dev/null', '/proc/sys/kernel/randomize_va_space']) {
    for (const content of ['', '2\n', '2']) {
      const made = forge({ alg: 'HS256', typ: 'JWT', kid }, claims, hmac(content))
      t.equal(await nodes.HS256.codeOf(made), WireCode.TokenUnknownError)
    }
  }
})

t.test('no token is without an end, and no time is anything but a number', async (t) => {
  const { exp: _exp, ...endless } = claims
  const raw = (member: string) => JSON.stringify(endless).replace(/\}$/, `,${member}}`)
  const codes: [unknown, number][] = [
    [endless, WireCode.TokenInvalidError],
    [{ ...endless, Exp: claims.exp, EXP: claims.exp }, WireCode.TokenInvalidError],
    [{ ...endless, exp: null }, WireCode.TokenMalformedError],
    [{ ...endless, exp: String(claims.exp) }, WireCode.TokenMalformedError],
    [{ ...endless, exp: '' }, WireCode.TokenMalformedError],
    [{ ...endless, exp: true }, WireCode.TokenMalformedError],
    [{ ...endless, exp: [claims.exp] }, WireCode.TokenMalformedError],
    [{ ...endless, exp: { valueOf: claims.exp } }, WireCode.TokenMalformedError],
    [raw('"exp":1e999'), WireCode.TokenMalformedError],
    [raw('"exp":-1e999'), WireCode.TokenExpiredError],
    [raw('"exp":NaN'), WireCode.TokenMalformedError],
    [raw('"exp":1e300'), WireCode.TokenInvalidError],
    [raw('"exp":9007199254740993'), WireCode.TokenInvalidError],
    [raw('"exp":253402300800'), WireCode.TokenInvalidError],
    [raw('"exp":253402300799'), 0],
    [raw('"exp":-1'), WireCode.TokenExpiredError],
    [raw('"exp":-0'), WireCode.TokenExpiredError],
    [raw('"exp":0'), WireCode.TokenExpiredError],
    [raw(`"exp":${NOW_S}.999`), WireCode.TokenExpiredError],
    [raw(`"exp":${NOW_S + 1}.5`), 0],
    [raw(`"exp":${NOW_S + 60}e0`), 0],
    [{ ...claims, nbf: String(NOW_S) }, WireCode.TokenMalformedError],
    [{ ...claims, nbf: null }, WireCode.TokenMalformedError],
    [{ ...claims, nbf: [NOW_S] }, WireCode.TokenMalformedError],
    [{ ...claims, nbf: NOW_S + 16 }, WireCode.TokenNotValidYetError],
    [{ ...claims, iat: String(NOW_S) }, WireCode.TokenMalformedError],
    [{ ...claims, iat: {} }, WireCode.TokenMalformedError],
    [{ ...claims, iat: null }, WireCode.TokenMalformedError],
  ]
  for (const [payload, code] of codes) {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
    t.equal(await nodes.HS256.codeOf(tokenFor(nodes.HS256, {}, payload)), code, text)
  }
})

t.test('claims are the members of the payload itself, the last of a name', async (t) => {
  const codes: [string, number][] = [
    [`{"__proto__":${JSON.stringify(claims)}}`, WireCode.TokenInvalidError],
    [`{"constructor":{"prototype":${JSON.stringify(claims)}}}`, WireCode.TokenInvalidError],
    [`[${JSON.stringify(claims)}]`, WireCode.TokenMalformedError],
    ['"text"', WireCode.TokenMalformedError],
    [`{"UserID":"u1","PlatformID":5,"exp":${NOW_S + 60},"exp":1}`, WireCode.TokenExpiredError],
    [`{"UserID":"u1","PlatformID":5,"exp":1,"exp":${NOW_S + 60}}`, 0],
    [`{"UserID":"u1","UserID":7,"PlatformID":5,"exp":${NOW_S + 60}}`, WireCode.TokenMalformedError],
    [`${JSON.stringify(claims)}{}`, WireCode.TokenMalformedError],
    [`${JSON.stringify(claims).slice(0, -1)}`, WireCode.TokenMalformedError],
  ]
  for (const [payload, code] of codes) {
    t.equal(await nodes.HS256.codeOf(tokenFor(nodes.HS256, {}, payload)), code, payload)
  }
  // Two algorithms in one header: whichever counts, the signature has to fit it.
  const { HS256: node } = nodes
  t.equal(
    await node.codeOf(forge('{"alg":"HS256","alg":"none"}', claims, hmac(SECRET))),
    WireCode.TokenUnknownError,
  )
  t.equal(
    await node.codeOf(forge('{"alg":"none","alg":"HS256"}', claims, () => Buffer.alloc(0))),
    WireCode.TokenUnknownError,
  )
  t.equal(
    await node.codeOf(forge('{"__proto__":{"alg":"HS256"}}', claims, hmac(SECRET))),
    WireCode.TokenMalformedError,
  )
})

t.test('a token longer than its bound is refused before anything of it is read', async (t) => {
  for (const node of everyNode) {
    node.asked = 0
    const padded = (length: number) => tokenFor(node, {}, { ...claims, pad: 'x'.repeat(length) })
    const short = padded(0).length
    // Base64 makes four characters of three bytes.
    const long = padded(Math.ceil(((TOKEN_BYTES_MAX - short) * 3) / 4) + 3)
    t.equal(await node.codeOf(long), WireCode.TokenMalformedError)
    t.equal(await node.codeOf(padded(1_000_000)), WireCode.TokenMalformedError)
    t.equal(await node.codeOf('.'.repeat(1_000_000)), WireCode.TokenMalformedError)
    t.equal(await node.codeOf(`${'['.repeat(TOKEN_BYTES_MAX)}.e30.x`), WireCode.TokenMalformedError)
    t.equal(node.asked, 0)
    const fits = padded(Math.floor(((TOKEN_BYTES_MAX - short) * 3) / 4) - 3)
    t.ok(fits.length <= TOKEN_BYTES_MAX && fits.length > TOKEN_BYTES_MAX - 10)
    t.equal(await node.codeOf(fits), 0, 'what just fits is checked')
    t.equal(node.asked, 1)
  }
})

t.test('a header that must be understood is not passed over', async (t) => {
  for (const node of everyNode) {
    const headers: [object, number][] = [
      [{ crit: ['x'], x: 1 }, WireCode.TokenUnknownError],
      [{ crit: ['exp'], exp: 1 }, WireCode.TokenUnknownError],
      [{ crit: ['alg'] }, WireCode.TokenUnknownError],
      [{ crit: ['__proto__'] }, WireCode.TokenUnknownError],
      [{ crit: [] }, WireCode.TokenMalformedError],
      [{ crit: 'x', x: 1 }, WireCode.TokenMalformedError],
      [{ crit: ['b64'] }, WireCode.TokenMalformedError],
      [{ crit: ['b64'], b64: 'false' }, WireCode.TokenMalformedError],
      [{ crit: ['b64'], b64: false }, WireCode.TokenMalformedError],
    ]
    for (const [header, code] of headers) {
      t.equal(await node.codeOf(tokenFor(node, header)), code, `${JSON.stringify(header)}, ${node.algorithm}`)
    }
    // RFC 7797: a payload that is not encoded. A JWT must not have one.
    const signed = `${encode({ alg: node.algorithm, b64: false, crit: ['b64'] })}.{"UserID":"u1"}`
    const unencoded = `${signed}.${signers[node.algorithm](signed).toString('base64url')}`
    t.equal(await node.codeOf(unencoded), WireCode.TokenMalformedError)
  }
})

t.test('what is no JWT of three parts is malformed', async (t) => {
  const jwe = encode({ alg: 'dir', enc: 'A256GCM' })
  const shapes = ['', '.', '..', '...', 'null', '{}', 'e30', 'e30.e30', 'e30.e30.', '.e30.', 'e30..e30']
  shapes.push(`${jwe}..aXY.Y2lwaGVydGV4dA.dGFn`, `${jwe}.a2V5.aXY.Y2lwaGVydGV4dA.dGFn`, `${jwe}.x.x.x.x`)
  for (const node of everyNode) {
    node.asked = 0
    const token = tokenFor(node)
    const [header, payload, signature] = token.split('.') as [string, string, string]
    const flattened = JSON.stringify({ protected: header, payload, signature })
    const general = JSON.stringify({ payload, signatures: [{ protected: header, signature }] })
    const wrong = [
      ...shapes,
      flattened,
      general,
      `Bearer ${token}`,
      `${token}.`,
      `.${token}`,
      `${token}.${token}`,
    ]
    for (const text of wrong)
      t.equal(
        await node.codeOf(text),
        WireCode.TokenMalformedError,
        `${text.slice(0, 40)}, ${node.algorithm}`,
      )
    t.equal(node.asked, 0)
  }
})

t.test('a token has one spelling, so that a revoked one cannot come back in another', async (t) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  for (const node of everyNode) {
    const token = tokenFor(node)
    const parts = token.split('.') as [string, string, string]
    const respelled: Record<string, string> = {
      'a blank before': ` ${token}`,
      'a blank after': `${token} `,
      'a newline after': `${token}\n`,
      'a tab inside': `${token.slice(0, -9)}\t${token.slice(-9)}`,
      'a NUL after': `${token}\0`,
      'a percent sign': `${token}%3D`,
      'another alphabet': `${token.slice(0, -3)}+/A`,
    }
    for (const padding of ['=', '==', '===', '%3D']) {
      parts.forEach((part, at) => {
        respelled[`${padding} after part ${at}`] = parts.with(at, part + padding).join('.')
      })
    }
    // The last character of each of these signatures has bits that belong to no byte.
    const last = alphabet.indexOf(token.at(-1)!)
    const spareBits = node.algorithm === 'HS256' ? 2 : 4
    for (let bits = 1; bits < 2 ** spareBits; bits++) {
      const other = token.slice(0, -1) + alphabet[last ^ bits]
      t.same(Buffer.from(other.split('.')[2]!, 'base64url'), Buffer.from(parts[2], 'base64url'))
      respelled[`spare bits ${bits}`] = other
    }
    for (const [how, text] of Object.entries(respelled)) {
      t.ok(
        ([WireCode.TokenMalformedError, WireCode.TokenUnknownError] as number[]).includes(
          await node.codeOf(text),
        ),
        `${how}, ${node.algorithm}`,
      )
    }
  }
})

t.test('a signature that is cut, stretched or off by one bit is none', async (t) => {
  for (const node of everyNode) {
    const token = tokenFor(node)
    const signed = token.slice(0, token.lastIndexOf('.'))
    const signature = Buffer.from(token.slice(signed.length + 1), 'base64url')
    const codeWith = (bytes: Buffer) => node.codeOf(`${signed}.${bytes.toString('base64url')}`)
    t.equal(await codeWith(signature), 0)
    for (let bit = 0; bit < signature.length * 8; bit++) {
      const flipped = Buffer.from(signature)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      if ((await codeWith(flipped)) !== WireCode.TokenUnknownError) t.fail(`bit ${bit} of ${node.algorithm}`)
    }
    for (let length = 0; length < signature.length; length++) {
      if ((await codeWith(signature.subarray(0, length))) !== WireCode.TokenUnknownError)
        t.fail(`${length} bytes of ${node.algorithm}`)
    }
    const zero = Buffer.alloc(1)
    t.equal(await codeWith(Buffer.concat([signature, zero])), WireCode.TokenUnknownError)
    t.equal(await codeWith(Buffer.concat([zero, signature])), WireCode.TokenUnknownError)
    t.equal(await codeWith(Buffer.concat([signature, signature])), WireCode.TokenUnknownError)
    t.equal(await codeWith(Buffer.alloc(signature.length)), WireCode.TokenUnknownError, 'all zero')
    t.equal(await codeWith(Buffer.alloc(signature.length, 0xff)), WireCode.TokenUnknownError, 'all ones')
  }
})

t.test('ES256 takes no r or s that is zero or a multiple of the order', async (t) => {
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const zero = Buffer.alloc(32)
  const one = Buffer.concat([Buffer.alloc(31), Buffer.of(1)])
  const extremes = [zero, one, order]
  for (const r of extremes) {
    for (const s of extremes) {
      const made = forge({ alg: 'ES256', typ: 'JWT' }, claims, () => Buffer.concat([r, s]))
      t.equal(await nodes.ES256.codeOf(made), WireCode.TokenUnknownError)
    }
  }
})

/** The same token with the other one of the two signatures that fit. */
function otherForm(token: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const at = token.lastIndexOf('.') + 1
  const signature = Buffer.from(token.slice(at), 'base64url').toString('hex')
  const s = order - BigInt(`0x${signature.slice(64)}`)
  const other = signature.slice(0, 64) + s.toString(16).padStart(64, '0')
  return token.slice(0, at) + Buffer.from(other, 'hex').toString('base64url')
}

t.test('the second form of an ES256 signature makes no second token', async (t) => {
  const token = forge({ alg: 'ES256', typ: 'JWT' }, claims, signers.ES256)
  const forms = new Set([token, otherForm(token)].map((form) => canonicalToken(form, 'ES256')))
  t.equal(forms.size, 1)
  for (const form of forms) t.equal(await nodes.ES256.codeOf(form), 0)
  t.equal(canonicalToken(token, 'RS256'), token, 'other algorithms have one form')
  for (const broken of ['', '.', 'a.b.c', `${token}=`, `${token.slice(0, -4)}`]) {
    t.equal(canonicalToken(broken, 'ES256'), broken)
  }
})

t.test('a signature serves the token that it was made for, and its own kind of node', async (t) => {
  for (const node of everyNode) {
    const [header, payload, signature] = tokenFor(node).split('.') as [string, string, string]
    const admin = encode({ ...claims, UserID: 'imAdmin', PlatformID: Platform.Admin })
    t.equal(await node.codeOf(`${header}.${admin}.${signature}`), WireCode.TokenUnknownError)
    const otherHeader = encode({ typ: 'JWT', alg: node.algorithm })
    t.equal(await node.codeOf(`${otherHeader}.${payload}.${signature}`), WireCode.TokenUnknownError)
    for (const other of everyNode) {
      if (other !== node) t.equal(await other.codeOf(tokenFor(node)), WireCode.TokenUnknownError)
    }
  }
})

t.test('no way of writing it makes a well-known secret a good one', async (t) => {
  const disguises = [
    'OPENIM123',
    'Open-IM-123',
    'openIM123\n',
    '"openIM123openIM123"',
    'secret secret secret',
  ]
  disguises.push('openIM123 openIM123 openIM123', 'open_IM_123_open_IM_123', 'Change-Me! Change-Me!')
  for (const secret of disguises) {
    t.throws(() => loadConfig({ AUTH_SECRET: secret }), {
      code: 'BAD_SETTING',
      message: /^AUTH_SECRET is refused \(a well-known secret\)/,
    })
  }
})

t.test('outside of development mode nothing starts without a secret, key pairs or not', async (t) => {
  const pairs = { AUTH_ALGORITHM: 'RS256', AUTH_PUBLIC_KEYS: 'keys.json' }
  const reachable = [
    { HOST: '0.0.0.0' },
    { HOST: '::' },
    { HOST: '10.0.0.1' },
    { HOST: '::ffff:127.0.0.1' },
    { HOST: 'localhost.example.com' },
    { NODE_ENV: ' Production ' },
    { REDIS_URL: 'redis://127.0.0.1:6379' },
  ]
  for (const env of reachable) {
    for (const AUTH_SECRET of ['', '  ', '\n']) {
      for (const more of [{}, pairs]) {
        t.throws(() => loadConfig({ ...env, ...more, AUTH_SECRET }), {
          code: 'BAD_SETTING',
          message: /^AUTH_SECRET is not set/,
        })
      }
    }
  }
})
