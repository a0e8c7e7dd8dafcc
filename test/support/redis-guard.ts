/** How a Redis of the tests is guarded: TLS, client certificates, users; and how a store gets in. */
import { readFileSync } from 'node:fs'
import type { RedisOptions } from 'ioredis'
import type { RedisAccess } from '../../src/store/redis/server/options.js'
import { certificates } from './certificates.js'

export interface Guard {
  /** `mutual`: clients must show a certificate. */
  tls?: 'server' | 'mutual'
  /** Rules of the ACL user that a store is; without them everybody may do everything. */
  rules?: readonly string[]
}

export const USER = 'porchlight'
export const PASSWORD = 'p@ss/word %41'
export const ADMIN = 'admin'

/** Arguments of a server that listens on `tlsPort` too where there is TLS. Tests themselves use the plain port. */
export function guardArgs({ tls, rules }: Guard, tlsPort: number): string[] {
  const args: string[] = []
  if (tls) {
    const { ca, serverCert, serverKey } = certificates()
    args.push('--tls-port', String(tlsPort), '--tls-ca-cert-file', ca)
    args.push('--tls-cert-file', serverCert, '--tls-key-file', serverKey)
    args.push('--tls-auth-clients', tls === 'mutual' ? 'yes' : 'no')
  }
  return rules ? [...args, '--user', ADMIN, 'on', 'nopass', '~*', '&*', '+@all'] : args
}

/** For a server that runs: nobody gets in unnamed, and stores get what the rules give. Asked of an open server. */
export function guardCommands({ rules }: Guard): string[][] {
  if (!rules) return []
  return [
    ['ACL', 'SETUSER', USER, 'reset', 'on', `>${PASSWORD}`, ...rules],
    ['ACL', 'SETUSER', 'default', 'off'],
  ]
}

/** How tests get in: on the plain port, or with `tls` on the other. */
export function adminOptions({ rules }: Guard, tls?: Guard['tls']): RedisOptions {
  return {
    ...(rules && { username: ADMIN, password: 'any' }),
    ...(tls && { tls: clientTls() }),
  }
}

function clientTls(): NonNullable<RedisOptions['tls']> {
  const { ca, clientCert, clientKey } = certificates()
  return { ca: readFileSync(ca), cert: readFileSync(clientCert), key: readFileSync(clientKey) }
}

/** How a store gets in, whatever the form. */
export function guardAccess({ tls, rules }: Guard): RedisAccess {
  const { ca, clientCert, clientKey } = tls ? certificates() : { ca: '', clientCert: '', clientKey: '' }
  return {
    ...(rules && { username: USER, password: PASSWORD }),
    ...(tls && { tls: true, tlsFiles: { caFile: ca } }),
    ...(tls === 'mutual' && { tlsFiles: { caFile: ca, certFile: clientCert, keyFile: clientKey } }),
  }
}
