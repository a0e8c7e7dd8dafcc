/**
 * The certificate and the key of this node's own TLS, from two PEM files that may change while it runs.
 *
 * No message repeats what a file holds.
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { BadSettingError, codeOf } from '../errors/errors.js'
import { LOOK_EVERY_MS, WatchedFiles, type Watcher } from '../files/watched-files.js'

export interface TlsPaths {
  certPath: string
  keyPath: string
}

/** A pair that fits together, with where it was read: some servers read files only. */
export interface TlsPair extends TlsPaths {
  /** The certificate, and those that lead from it to a known authority. */
  cert: string
  key: string
  /** Until when the certificate is good. Unix ms */
  endsMs: number
}

/** For Node's own servers. Older versions than 1.2 are broken; the native transport takes none of them either. */
export function secureOptions({ cert, key }: Pick<TlsPair, 'cert' | 'key'>): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2' }
}

/** Read and check both. Throws BAD_SETTING: a file cannot be read, is no PEM, or the two do not fit. */
export async function readTlsPair({ certPath, keyPath }: TlsPaths): Promise<TlsPair> {
  const cert = await readPem('TLS_CERT_FILE', certPath, 'the certificate (and its chain)')
  const key = await readPem('TLS_KEY_FILE', keyPath, 'its private key, without a password')
  let endsMs: number
  try {
    endsMs = Date.parse(new X509Certificate(cert).validTo)
  } catch {
    throw new BadSettingError(`TLS_CERT_FILE (${certPath}) holds no certificate that can be read.`)
  }
  try {
    createSecureContext(secureOptions({ cert, key }))
  } catch (error) {
    const reason = codeOf(error) ?? 'damaged'
    throw new BadSettingError(
      `TLS_KEY_FILE (${keyPath}) and TLS_CERT_FILE (${certPath}) do not serve together (${reason}).`,
    )
  }
  return { certPath, keyPath, cert, key, endsMs }
}

async function readPem(setting: string, path: string, expected: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const reason = `cannot be read (${codeOf(error)})`
    throw new BadSettingError(`${setting} (${path}) ${reason}; expected ${expected} as PEM.`)
  }
  if (text.includes('-----BEGIN ')) return text
  throw new BadSettingError(`${setting} (${path}) is no PEM; expected ${expected}.`)
}

/** The pair in use, and a look at its files now and then. */
export class TlsFiles {
  readonly #files: WatchedFiles<TlsPair>

  private constructor(files: WatchedFiles<TlsPair>) {
    this.#files = files
  }

  /** Throws BAD_SETTING as `readTlsPair`. */
  static async open(paths: TlsPaths): Promise<TlsFiles> {
    const files = await WatchedFiles.open({
      paths: [paths.certPath, paths.keyPath],
      read: () => readTlsPair(paths),
      keptText: 'The certificate that was read before stays in use.',
      notTakenText: 'The new certificate was not taken.',
    })
    return new TlsFiles(files)
  }

  get pair(): TlsPair {
    return this.#files.value
  }

  /** The files have changed, and what they hold now cannot be used. */
  get isStale(): boolean {
    return this.#files.isStale
  }

  /** Look at the files every so often; until `close`. */
  watch(watcher: Watcher<TlsPair>, everyMs = LOOK_EVERY_MS): void {
    this.#files.watch(watcher, everyMs)
  }

  close(): void {
    this.#files.close()
  }
}
