/**
 * The keys that tokens are signed and checked with, all of the one algorithm that AUTH_ALGORITHM names. Of a token's
 * header only `kid` chooses a key, among those that were read before: `jku`, `x5u`, `jwk` and `x5c` are ignored, and no
 * `kid` ever becomes a path or an address.
 *
 * No message contains a part of a file or a secret.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type CryptoKey, importPKCS8, importSPKI, type SignJWT } from 'jose'
import { BadSettingError, codeOf } from '../errors/errors.js'
import { fileStamp } from '../files/file-stamp.js'

export type TokenAlgorithm = 'HS256' | 'RS256' | 'ES256'
type KeyPairAlgorithm = Exclude<TokenAlgorithm, 'HS256'>

/** How often the file is looked at while tokens come: a removed key is refused by then. */
const LOOK_EVERY_MS = 30_000
/** Anybody can send tokens with an unknown `kid`: they make the node look at the file at most this often. */
const UNKNOWN_KID_LOOK_EVERY_MS = 1_000
/** NIST SP 800-131A disallows signatures with shorter keys. */
const RSA_BITS_MIN = 2048

/** The keys as this thread uses them: to check tokens, and to sign them where it can. */
export interface TokenKeys {
  readonly algorithm: TokenAlgorithm
  /** Rises when other keys were read: cached verdicts of the old ones are void. */
  readonly generation: number
  /** Whether tokens can be made here; otherwise they are made elsewhere, and `sign` fails. */
  readonly canSign: boolean

  /**
   * To be called before a cached verdict is used. Undefined = the keys are up to date; otherwise wait, and compare
   * `generation` afterwards. Never rejects.
   */
  refresh(): Promise<void> | undefined

  /** The key for a token whose header has this `kid`, of whatever type; undefined = there is none. Never rejects. */
  keyFor(kid: unknown): Promise<CryptoKey | KeyObject | undefined>

  /** HMAC of a text with the secret, in base64url; only for HS256. */
  readonly mac?: (signed: string) => string

  /** Give a token its header and its signature. Rejects unless `canSign`. */
  sign(token: SignJWT): Promise<string>
}

export interface TokenKeyOptions {
  algorithm: TokenAlgorithm
  /** For HS256; the others do not use it. */
  secret: string
  /** For RS256 and ES256: a PEM public key or certificate (its key counts, not its dates), or a JWKS. */
  publicKeysPath: string
  /** For RS256 and ES256: a PEM private key or a JWK; '' = tokens are made elsewhere. */
  privateKeyPath: string
  nowMs(): number
  /** Called when changed keys cannot be read: the old ones stay in use. Once for each reason. */
  report(message: string): void
}

/**
 * Read the keys. Fails with BAD_SETTING when they are missing, damaged or too weak.
 *
 * A file of public keys is read again when it has changed (size, time or inode). There is no timer: a token makes the
 * node look at the file, at most every 30 s, or once a second if the token names an unknown key. The private key is read
 * once.
 */
export async function loadTokenKeys(options: TokenKeyOptions): Promise<TokenKeys> {
  if (options.algorithm === 'HS256') return new SecretKey(readSecret(options.secret))
  const { privateKeyPath, algorithm } = options
  const signingKey = privateKeyPath === '' ? undefined : await readPrivateKey(privateKeyPath, algorithm)
  const keys = new KeyFile(algorithm, signingKey, options)
  await keys.read()
  if (signingKey !== undefined && !keys.canSign) {
    throw new BadSettingError(
      'AUTH_PRIVATE_KEY fits no key of AUTH_PUBLIC_KEYS: no node would take its tokens; expected a pair.',
    )
  }
  return keys
}

/** HS256: one secret both signs and checks, so a `kid` is ignored. */
class SecretKey implements TokenKeys {
  readonly algorithm = 'HS256'
  readonly generation = 0
  readonly canSign = true
  readonly #key: KeyObject

  constructor(key: KeyObject) {
    this.#key = key
  }

  refresh(): undefined {
    return undefined
  }

  readonly mac = (signed: string): string =>
    createHmac('sha256', this.#key).update(signed).digest('base64url')

  async keyFor(): Promise<KeyObject> {
    return this.#key
  }

  sign(token: SignJWT): Promise<string> {
    return token.setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(this.#key)
  }
}

/** A public or private key, and its `kid` in the file. `imported`: the same key as jose takes it. */
interface NamedKey {
  kid: string | undefined
  key: KeyObject
  imported: CryptoKey
}

/** RS256 and ES256: public keys from a file that may change, and a private key that may sign. */
class KeyFile implements TokenKeys {
  readonly algorithm: KeyPairAlgorithm
  readonly #signingKey: NamedKey | undefined
  readonly #options: TokenKeyOptions
  #keys = new KeySet([])
  /** The public key that belongs to `signingKey`. */
  #publicSigningKey: NamedKey | undefined
  #generation = 0
  /** Size, time and inode of the file when it was read. */
  #stamp = ''
  #lookedMs = 0
  #looking: Promise<void> | undefined
  #reported = ''

  constructor(algorithm: KeyPairAlgorithm, signingKey: NamedKey | undefined, options: TokenKeyOptions) {
    this.algorithm = algorithm
    this.#signingKey = signingKey
    this.#options = options
  }

  get generation(): number {
    return this.#generation
  }

  /** False also once the public key was removed from the file: no node would accept the tokens. */
  get canSign(): boolean {
    return this.#publicSigningKey !== undefined
  }

  refresh(): Promise<void> | undefined {
    return this.#look(LOOK_EVERY_MS)
  }

  async keyFor(kid: unknown): Promise<CryptoKey | undefined> {
    await this.refresh()
    if (this.#keys.find(kid) === undefined) await this.#look(UNKNOWN_KID_LOOK_EVERY_MS)
    return this.#keys.find(kid)?.imported
  }

  async sign(token: SignJWT): Promise<string> {
    await this.refresh()
    const signingKey = this.#signingKey
    const publicKey = this.#publicSigningKey
    if (signingKey === undefined || publicKey === undefined) {
      throw new Error('this node has no private key that fits its public ones')
    }
    // The `kid` in the file of public keys counts, because nodes check with that; a PEM has none.
    const kid = publicKey.kid ?? signingKey.kid
    const header = { alg: this.algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) }
    return token.setProtectedHeader(header).sign(signingKey.imported)
  }

  /** Read the file if it has changed. Rejects with BAD_SETTING; the old keys then stay. */
  async read(): Promise<void> {
    this.#lookedMs = this.#options.nowMs()
    const { publicKeysPath } = this.#options
    const refuse = refusePublicKeys(publicKeysPath, this.algorithm)
    const stamp = await stampOf(publicKeysPath, refuse)
    if (stamp === this.#stamp) return
    this.#keys = new KeySet(await readPublicKeys(publicKeysPath, this.algorithm, refuse))
    this.#publicSigningKey = this.#signingKey && this.#keys.matching(this.#signingKey.key)
    this.#stamp = stamp
    this.#generation++
  }

  #look(everyMs: number): Promise<void> | undefined {
    if (this.#looking !== undefined) return this.#looking
    const sinceMs = this.#options.nowMs() - this.#lookedMs
    // Negative = the clock was set back: look now.
    if (sinceMs >= 0 && sinceMs < everyMs) return undefined
    this.#looking = this.#readAgain().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** A file that cannot be read is tried at every look: the cause (a right, a mount) may pass without a change. */
  async #readAgain(): Promise<void> {
    let fault = ''
    try {
      const couldSign = this.canSign
      await this.read()
      if (couldSign && !this.canSign) {
        this.#options.report(
          'AUTH_PUBLIC_KEYS lost the key of AUTH_PRIVATE_KEY: no token is made here any more.',
        )
      }
    } catch (error) {
      fault = error instanceof BadSettingError ? error.message : 'AUTH_PUBLIC_KEYS could not be read again.'
    }
    if (fault !== '' && fault !== this.#reported) {
      this.#options.report(`${fault} The keys that were read before stay in use.`)
    }
    this.#reported = fault
  }
}

/** Keys by `kid`. A single key needs none, and then also checks tokens without a `kid`. */
class KeySet {
  readonly #byKid: ReadonlyMap<string | undefined, NamedKey>
  readonly #only: NamedKey | undefined

  constructor(keys: readonly NamedKey[]) {
    this.#byKid = new Map(keys.map((key) => [key.kid, key]))
    this.#only = keys.length === 1 ? keys[0] : undefined
  }

  /** A key without a `kid` is the only one, so it checks tokens with any `kid`, as with HS256. */
  find(kid: unknown): NamedKey | undefined {
    if (kid === undefined) return this.#only
    if (typeof kid !== 'string') return undefined
    return this.#byKid.get(kid) ?? this.#byKid.get(undefined)
  }

  /** The public key of a private one. */
  matching(privateKey: KeyObject): NamedKey | undefined {
    const publicKey = createPublicKey(privateKey)
    return [...this.#byKid.values()].find(({ key }) => key.equals(publicKey))
  }
}

// Reading: every failure is a BadSettingError. Messages of the parsers are left out, because they may quote the key.

function readSecret(secret: string): KeyObject {
  if (secret === '')
    throw new BadSettingError('AUTH_SECRET is not set: HS256 signs and checks tokens with it.')
  // Everybody may know a public key. Used as a secret (RS256 keys with HS256), it would let them sign tokens.
  if (secret.includes('-----BEGIN ')) {
    throw new BadSettingError(
      'AUTH_SECRET is a PEM key or certificate; expected a secret of its own for HS256.',
    )
  }
  return createSecretKey(Buffer.from(secret))
}

type Refuse = (reason: string) => BadSettingError

function refusePublicKeys(path: string, algorithm: KeyPairAlgorithm): Refuse {
  const expected = `expected a PEM public key or certificate, or a JWKS, with ${KEYS_OF[algorithm].words}`
  return (reason) => new BadSettingError(`AUTH_PUBLIC_KEYS (${path}) ${reason}; ${expected}.`)
}

async function readPublicKeys(
  path: string,
  algorithm: KeyPairAlgorithm,
  refuse: Refuse,
): Promise<NamedKey[]> {
  const found = publicKeysIn(await readText(path, refuse), algorithm, refuse)
  if (found.length === 0) throw refuse(`holds no key for ${algorithm}`)
  const kids = new Set(found.map(({ kid }) => kid))
  if (found.length > 1 && kids.has(undefined)) throw refuse('holds several keys, and one without a kid')
  if (kids.size < found.length) throw refuse('holds two keys with one kid')
  return Promise.all(
    found.map(async ({ kid, key }) => {
      checkStrength(key, algorithm, refuse)
      const spki = key.export({ type: 'spki', format: 'pem' }).toString()
      return { kid, key, imported: await imported(importSPKI(spki, algorithm), refuse) }
    }),
  )
}

async function readPrivateKey(path: string, algorithm: KeyPairAlgorithm): Promise<NamedKey> {
  const expected = `expected a PEM private key without a password, or a JWK, that is ${KEYS_OF[algorithm].words}`
  const refuse = (reason: string) => new BadSettingError(`AUTH_PRIVATE_KEY (${path}) ${reason}; ${expected}.`)
  const text = await readText(path, refuse)
  const jwk = isJson(text) ? parseJson(text, refuse) : undefined
  const key = parseKey(() => createPrivateKey(jwk ? { key: jwk, format: 'jwk' } : text), refuse)
  checkStrength(key, algorithm, refuse)
  const pkcs8 = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  const kid = jwk && kidOf(jwk, refuse)
  return { kid, key, imported: await imported(importPKCS8(pkcs8, algorithm), refuse) }
}

const DAMAGED = 'holds a key that cannot be read'

/** The keys that an algorithm needs: in words, as Node describes them, and as a JWK does. */
const KEYS_OF = {
  RS256: { words: `an RSA key of at least ${RSA_BITS_MIN} bits`, type: 'rsa', kty: 'RSA', crv: undefined },
  ES256: { words: 'an EC key on the curve P-256', type: 'ec', kty: 'EC', crv: 'P-256' },
} as const

function publicKeysIn(text: string, algorithm: KeyPairAlgorithm, refuse: Refuse) {
  if (!isJson(text)) return [{ kid: undefined, key: publicKeyOfPem(text, refuse) }]
  const { keys } = parseJson(text, refuse)
  if (!Array.isArray(keys) || !keys.every(isObject)) throw refuse('is JSON without a list of keys')
  // Otherwise everybody who can read the file of public keys could sign tokens.
  if (keys.some((jwk) => jwk.kty === 'oct' || 'k' in jwk || 'd' in jwk)) {
    throw refuse('holds a symmetric or private key')
  }
  return keys
    .filter((jwk) => isForChecking(jwk, algorithm))
    .map((jwk) => ({
      kid: kidOf(jwk, refuse),
      key: parseKey(() => createPublicKey({ key: jwk, format: 'jwk' }), refuse),
    }))
}

function publicKeyOfPem(text: string, refuse: Refuse): KeyObject {
  const labels = text.match(/-----BEGIN [A-Z0-9 ]+-----/g) ?? []
  if (labels.length > 1) throw refuse('holds several PEM blocks, which have no names to choose by')
  // Node would derive the public key, and the private one would stay in a public file.
  if (labels[0]?.includes('PRIVATE')) throw refuse('holds a private key')
  return parseKey(() => createPublicKey(text), refuse)
}

/** A JWKS may also hold keys for other purposes; they are skipped. */
function isForChecking(jwk: JsonWebKey, algorithm: KeyPairAlgorithm): boolean {
  const { kty, crv } = KEYS_OF[algorithm]
  return (
    jwk.kty === kty &&
    (crv === undefined || jwk.crv === crv) &&
    (jwk.alg === undefined || jwk.alg === algorithm) &&
    (jwk.use === undefined || jwk.use === 'sig') &&
    (jwk.key_ops === undefined || (Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify')))
  )
}

function checkStrength(key: KeyObject, algorithm: KeyPairAlgorithm, refuse: Refuse): void {
  const { modulusLength = RSA_BITS_MIN, namedCurve = 'prime256v1' } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== KEYS_OF[algorithm].type) throw refuse(`holds no key for ${algorithm}`)
  if (modulusLength < RSA_BITS_MIN) throw refuse(`holds an RSA key of ${modulusLength} bits`)
  if (namedCurve !== 'prime256v1') throw refuse(`holds no key for ${algorithm}`)
}

function kidOf(jwk: JsonWebKey, refuse: Refuse): string | undefined {
  if (jwk.kid === undefined || typeof jwk.kid === 'string') return jwk.kid
  throw refuse('holds a kid that is not a string')
}

async function readText(path: string, refuse: Refuse): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw refuse(`cannot be read (${codeOf(error)})`)
  }
}

async function stampOf(path: string, refuse: Refuse): Promise<string> {
  try {
    return await fileStamp(path)
  } catch (error) {
    throw refuse(`cannot be read (${codeOf(error)})`)
  }
}

function isJson(text: string): boolean {
  return text.startsWith('{')
}

function parseJson(text: string, refuse: Refuse): JsonWebKey {
  try {
    return JSON.parse(text) as JsonWebKey
  } catch {
    throw refuse('is not JSON')
  }
}

function parseKey(parse: () => KeyObject, refuse: Refuse): KeyObject {
  try {
    return parse()
  } catch {
    throw refuse(DAMAGED)
  }
}

function imported(key: Promise<CryptoKey>, refuse: Refuse): Promise<CryptoKey> {
  return key.catch(() => {
    throw refuse(DAMAGED)
  })
}

function isObject(value: unknown): value is JsonWebKey {
  return typeof value === 'object' && value !== null
}
