/** Which servers, and how to get in: the options of a store, checked and in the client's terms. */
import type { ConnectionOptions } from 'node:tls'
import type { RedisOptions } from 'ioredis'
import { StoreUnsuitableError } from '../../../errors/errors.js'
import { type Endpoint, parseEndpoint, parseRedisUrl } from '../../../net/redis-url.js'
import type { Log, RedisAccess } from './options.js'
import { TlsOptions } from './tls-files.js'

export type Target =
  | { kind: 'single'; server: Endpoint }
  | { kind: 'cluster'; nodes: Endpoint[] }
  | { kind: 'sentinel'; sentinels: Endpoint[]; name: string }

export interface Access {
  target: Target
  db: number
  /** User, password and TLS of servers. */
  server: Pick<RedisOptions, 'username' | 'password' | 'tls'>
  /** The same of Sentinel. */
  sentinel: Pick<RedisOptions, 'sentinelUsername' | 'sentinelPassword' | 'sentinelTLS'>
  /** Where an announced address is reached, `host:port`; undefined = where it says. */
  reachedAt(announced: string): Endpoint | undefined
}

/** Throws STORE_UNSUITABLE for what no server can make good. */
export function accessOf(options: RedisAccess, log: Log): Access {
  const { target, url } = targetOf(options)
  const username = url?.username ?? options.username
  const password = url?.password ?? options.password
  const usesTls = url?.tls ?? options.tls === true
  const tls = usesTls ? tlsOptions(options, log) : undefined
  return {
    target,
    db: url?.db ?? options.db ?? 0,
    server: { ...(username && { username }), ...(password && { password }), ...(tls && { tls }) },
    sentinel: {
      ...(options.sentinelUsername && { sentinelUsername: options.sentinelUsername }),
      ...(options.sentinelPassword && { sentinelPassword: options.sentinelPassword }),
      ...(tls && { sentinelTLS: tls }),
    },
    reachedAt: (announced) => options.natMap?.get(announced),
  }
}

function targetOf({ url, clusterNodes, sentinels, sentinelName }: RedisAccess) {
  if ([url, clusterNodes, sentinels].filter((form) => form !== undefined).length !== 1) {
    throw new StoreUnsuitableError('Exactly one of a Redis URL, Cluster nodes and Sentinels must be given.')
  }
  if (url !== undefined) {
    const parsed = parseRedisUrl(url)
    if ('fault' in parsed) throw new StoreUnsuitableError(`The Redis URL ${parsed.fault}.`)
    const { host, port } = parsed
    return { url: parsed, target: { kind: 'single', server: { host, port } } satisfies Target }
  }
  if (clusterNodes) return { target: { kind: 'cluster', nodes: endpoints(clusterNodes) } satisfies Target }
  if (!sentinelName) throw new StoreUnsuitableError('The name of the master behind Sentinel is missing.')
  const target: Target = { kind: 'sentinel', sentinels: endpoints(sentinels!), name: sentinelName }
  return { target }
}

function endpoints(texts: readonly string[]): Endpoint[] {
  if (texts.length === 0) throw new StoreUnsuitableError('The list of Redis addresses is empty.')
  return texts.map((text) => {
    const endpoint = parseEndpoint(text)
    if (endpoint === undefined) throw new StoreUnsuitableError(`${text} is not host:port.`)
    return endpoint
  })
}

function tlsOptions({ tlsFiles = {} }: RedisAccess, log: Log): ConnectionOptions {
  return new TlsOptions(tlsFiles, (fault) => {
    log('warn', 'TLS files cannot be used; those read before still serve', { reason: fault })
  }) as ConnectionOptions
}
