/** Certificates for tests, made by openssl (OPENSSL names another than that of the PATH). They sign themselves. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './leftovers.js'

export interface Certificate {
  /** PEM, also what a client trusts it by. */
  cert: string
  certPath: string
  keyPath: string
}

/** For localhost and 127.0.0.1, with a name to know it by. */
export function makeCertificate(name: string, days = 30): Certificate {
  const folder = temporaryFolder('tls')
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const files = ['-keyout', keyPath, '-out', certPath, '-days', String(days)]
  execFileSync(process.env.OPENSSL || 'openssl', ['req', '-x509', ...curve, ...names, ...files], {
    stdio: 'ignore',
  })
  return { cert: readFileSync(certPath, 'utf8'), certPath, keyPath }
}

/** Put a certificate where another is, as who renews one does. */
export function install(from: Certificate, at: Pick<Certificate, 'certPath' | 'keyPath'>): void {
  mkdirSync(join(at.certPath, '..'), { recursive: true })
  copyFileSync(from.keyPath, at.keyPath)
  copyFileSync(from.certPath, at.certPath)
}
