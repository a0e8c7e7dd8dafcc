/** Tokens, as they come and signed here, so that changes reach the claims. HS256 and ES256. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalToken } from '../../../src/auth/canonical-token.js'
import { loadTokenKeys, type TokenKeys } from '../../../src/auth/keys.js'
import { type TokenVerdict, verifyToken } from '../../../src/auth/tokens.js'
import { WireCode } from '../../../src/openim/codes.js'
import { temporaryFolder } from '../../support/leftovers.js'
import type { Run, Target } from '../engine/target.js'

const SECRET = 'a secret for tests, long enough'
const NOW_MS = 1_700_000_000_000
const CODES: readonly number[] = [
  WireCode.TokenExpiredError,
  WireCode.TokenInvalidError,
  WireCode.TokenMalformedError,
  WireCode.TokenNotValidYetError,
  WireCode.TokenUnknownError,
]

/**
 * What the first byte says of the rest: a whole token; header and payload, a line each, that are signed here with the
 * secret; or the same with a signature of ES256 that fits nothing.
 */
const WHOLE = 0
const SIGNED = 1
const BADLY_SIGNED = 2
const NO_SIGNATURE = 'A'.repeat(86)
const PAYLOAD = '{"UserID":"ann","PlatformID":5,"iat":1699999000,"exp":1700009000,"jti":"x"}'

export const target: Target = {
  name: 'tokens',
  what: 'tokens: claims or one of 1501 to 1505; nothing passes that was not signed here',
  bytesMax: 5_000,
  steps: { base: 3_000, perByte: 4 },
  seeds: () => [
    Buffer.from(`\u0001{"alg":"HS256","typ":"JWT"}\n${PAYLOAD}`),
    Buffer.from(`\u0001{"alg":"HS256","kid":"k","crit":["exp"]}\n${PAYLOAD}`),
    Buffer.from('\u0001{"alg":"HS256","typ":"JWT"}\n{"UserID":1,"PlatformID":"5","exp":1e999,"nbf":1.5}'),
    Buffer.from(
      `\u0000eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.${Buffer.from(PAYLOAD).toString('base64url')}.AAAA`,
    ),
    Buffer.from(`\u0000eyJhbGciOiJFUzI1NiJ9.${Buffer.from(PAYLOAD).toString('base64url')}.${NO_SIGNATURE}`),
    Buffer.from(`\u0002{"alg":"ES256","kid":"k"}\n${PAYLOAD}`),
  ],
  async open(): Promise<Run> {
    const [secret, pair] = await Promise.all([keysOf('HS256'), keysOf('ES256')])
    return async (input) => {
      const rest = input.subarray(1)
      if (input[0] === SIGNED) {
        const signed = encoded(rest)
        return check(await verifyToken(`${signed}.${secret.mac!(signed)}`, { keys: secret, nowMs: NOW_MS }))
      }
      if (input[0] === BADLY_SIGNED) return refuses(`${encoded(rest)}.${NO_SIGNATURE}`, pair)
      if (input[0] !== WHOLE) return
      for (const keys of [secret, pair]) await refuses(Buffer.from(rest).toString('latin1'), keys)
    }
  },
}

/** Header and payload as they stand in a token. */
function encoded(lines: Uint8Array): string {
  const end = Math.max(0, lines.indexOf(0x0a))
  const parts = [lines.subarray(0, end), lines.subarray(end + 1)]
  return parts.map((part) => Buffer.from(part).toString('base64url')).join('.')
}

async function refuses(text: string, keys: TokenKeys): Promise<void> {
  const token = canonicalToken(text, keys.algorithm)
  assert.equal(canonicalToken(token, keys.algorithm), token, 'a canonical token has another form')
  const verdict = await verifyToken(token, { keys, nowMs: NOW_MS })
  assert.equal(verdict.ok, false, 'a token that nobody signed was taken')
  check(verdict)
}

function check(verdict: TokenVerdict): void {
  if (!verdict.ok) return assert.ok(CODES.includes(verdict.errCode), `code ${verdict.errCode}`)
  const { userId, platformId, expiresAtS } = verdict
  assert.ok(typeof userId === 'string' && userId !== '')
  assert.ok(Number.isSafeInteger(platformId) && platformId >= 1)
  assert.ok(Number.isSafeInteger(expiresAtS) && expiresAtS * 1000 > NOW_MS)
}

async function keysOf(algorithm: 'HS256' | 'ES256'): Promise<TokenKeys> {
  const folder = temporaryFolder('fuzz-keys')
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKeysPath = join(folder, 'key.pem')
  writeFileSync(publicKeysPath, publicKey.export({ type: 'spki', format: 'pem' }))
  const isShared = algorithm === 'HS256'
  return loadTokenKeys({
    algorithm,
    secret: isShared ? SECRET : '',
    publicKeysPath: isShared ? '' : publicKeysPath,
    privateKeyPath: '',
    nowMs: () => NOW_MS,
    report: (error) => {
      throw error
    },
  })
}
