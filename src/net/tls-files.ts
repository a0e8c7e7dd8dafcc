/**
 * The certificate and the key of this node's own TLS, from two PEM files that may change while it runs.
 *
 * No message repeats what a file holds.
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { BadSettingError, codeOf } from '../errors/errors.js'
import { fileStamp } from '../files/file-stamp.js'

/** A certificate that is renewed by hand or by ACME is renewed long before it ends. ms */
export const TLS_LOOK_EVERY_MS = 5_000

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

export interface TlsFilesOptions {
  /** Put a new pair into use. May throw: the old one stays then. */
  apply(pair: TlsPair): void
  /** Hears why new files are not in use. Once for each reason. */
  report(message: string): void
}

/** The pair in use, and a look at its files now and then. */
export class TlsFiles {
  #pair: TlsPair
  #stamp: string
  /** Why the files, as they are now, are not in use. */
  #fault = ''
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  private constructor(pair: TlsPair, stamp: string) {
    this.#pair = pair
    this.#stamp = stamp
  }

  /** Throws BAD_SETTING as `readTlsPair`. */
  static async open(paths: TlsPaths): Promise<TlsFiles> {
    const stamp = await stampOf(paths)
    return new TlsFiles(await readTlsPair(paths), stamp)
  }

  get pair(): TlsPair {
    return this.#pair
  }

  /** The files have changed, and what they hold now cannot be used. */
  get isStale(): boolean {
    return this.#fault !== ''
  }

  /** Look at the files every so often; until `close`. */
  watch(options: TlsFilesOptions, everyMs = TLS_LOOK_EVERY_MS): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look(options).finally(() => {
        this.#looking = undefined
      })
    }, everyMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Two files never change at once: between the two they do not fit, and the next look finds that they do. */
  async #look({ apply, report }: TlsFilesOptions): Promise<void> {
    const stamp = await stampOf(this.#pair)
    if (stamp === this.#stamp) {
      // Put back as they were.
      this.#fault = ''
      return
    }
    try {
      const pair = await readTlsPair(this.#pair)
      apply(pair)
      this.#pair = pair
      this.#stamp = stamp
      this.#fault = ''
    } catch (error) {
      const fault = error instanceof BadSettingError ? error.message : 'The new certificate was not taken.'
      if (fault !== this.#fault) report(`${fault} The certificate that was read before stays in use.`)
      this.#fault = fault
    }
  }
}

/** A file that is away has a stamp too: one that will be another when the file is back. */
async function stampOf({ certPath, keyPath }: TlsPaths): Promise<string> {
  const stamps = await Promise.all([certPath, keyPath].map((path) => fileStamp(path).catch(() => 'away')))
  return stamps.join(' / ')
}
