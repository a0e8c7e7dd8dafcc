/** An authority of the tests' own, with a certificate for servers on the loopback address and one for clients. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './leftovers.js'

/** Files (PEM). */
export interface Certificates {
  ca: string
  serverCert: string
  serverKey: string
  clientCert: string
  clientKey: string
}

/** The name that the server's certificate has beside those of the loopback address. */
export const SERVER_NAME = 'redis.porchlight.test'

let made: Certificates | undefined

/** The same for all tests of a process. */
export function certificates(): Certificates {
  made ??= makeCertificates(temporaryFolder('certificates'))
  return made
}

/** By the command line of OpenSSL: Node.js cannot make certificates. */
export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc']
  openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    '-subj',
    '/CN=authority of tests',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  )
  for (const [name, usage] of [
    ['server', 'serverAuth, clientAuth'],
    ['client', 'clientAuth'],
  ] as const) {
    writeFileSync(
      file(`${name}.ext`),
      `subjectAltName = IP:127.0.0.1, DNS:localhost, DNS:${SERVER_NAME}\nextendedKeyUsage = ${usage}\n`,
    )
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    const signing = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
    ]
    openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`)
  }
  return {
    ca: file('ca.pem'),
    serverCert: file('server.pem'),
    serverKey: file('server.key'),
    clientCert: file('client.pem'),
    clientKey: file('client.key'),
  }
}
