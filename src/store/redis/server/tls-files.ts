/**
 * Certificates and keys for TLS, from files. They are read when a connection is made, so that renewed ones are used
 * without a restart; while the files cannot be used, what was read before serves.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { StoreUnsuitableError } from '../../../errors/errors.js'

export interface TlsFiles {
  /** Authorities to be trusted in place of the system's (PEM). */
  caFile?: string
  /** The certificate and key that this node shows (PEM). */
  certFile?: string
  keyFile?: string
  /** The name that servers' certificates must bear, in place of the one that was dialled. */
  serverName?: string
}

interface Material {
  ca?: string
  cert?: string
  key?: string
}

/** The settings that name the files, for messages. */
const SETTING = { ca: 'REDIS_TLS_CA_FILE', cert: 'REDIS_TLS_CERT_FILE', key: 'REDIS_TLS_KEY_FILE' } as const

/** What is given to `tls.connect`, which reads the properties each time. */
export class TlsOptions {
  readonly servername?: string
  readonly #files: TlsFiles
  readonly #onFault: (fault: string) => void
  #material: Material
  #isFresh = false

  /** Throws STORE_UNSUITABLE for files that cannot be used now; `onFault` hears of those that cannot be later. */
  constructor(files: TlsFiles, onFault: (fault: string) => void) {
    this.#files = files
    this.#onFault = onFault
    if (files.serverName) this.servername = files.serverName
    try {
      this.#material = read(files)
    } catch (error) {
      throw new StoreUnsuitableError((error as Error).message)
    }
    for (const part of ['ca', 'cert', 'key'] as const) {
      if (this.#material[part] === undefined) continue
      // Own and enumerable, for the client copies the options of each connection property by property.
      Object.defineProperty(this, part, { enumerable: true, get: () => this.#renewed()[part] })
    }
  }

  /** Of one moment for all parts of one connection: a certificate and its key are replaced together. */
  #renewed(): Material {
    if (this.#isFresh) return this.#material
    this.#isFresh = true
    queueMicrotask(() => {
      this.#isFresh = false
    })
    try {
      this.#material = read(this.#files)
    } catch (error) {
      this.#onFault((error as Error).message)
    }
    return this.#material
  }
}

function read({ caFile, certFile, keyFile }: TlsFiles): Material {
  const material: Material = {}
  for (const [part, file] of Object.entries({ ca: caFile, cert: certFile, key: keyFile })) {
    const name = part as keyof Material
    if (!file) continue
    try {
      material[name] = readFileSync(file, 'utf8')
    } catch (error) {
      throw new Error(`${SETTING[name]} cannot be read: ${(error as Error).message}`)
    }
  }
  try {
    createSecureContext(material)
    // A file without any certificate raises no error, and the context would trust no server.
    if (material.ca !== undefined) new X509Certificate(material.ca)
  } catch (error) {
    const names = Object.keys(material).map((part) => SETTING[part as keyof Material])
    throw new Error(`${names.join(', ')} cannot be used for TLS: ${(error as Error).message}`)
  }
  return material
}
