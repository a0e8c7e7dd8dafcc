/**
 * INFO of a server, and whether that server can serve. The client asks for it before it calls a connection ready; a
 * connection that is refused here is never used, and made again with backoff.
 */
import type { Redis } from 'ioredis'

/** Scripts that say in their first line what they may do came with this version. */
const REDIS_MAJOR_MIN = 7

/** Fields of `INFO`. */
export type ServerInfo = Partial<Record<'redis_version' | 'redis_mode' | 'role' | 'run_id', string>>

/** `isLasting`: waiting does not help. */
export interface ServerProblem {
  text: string
  isLasting: boolean
}

/** Lets `judge` see every server that the client connects to, before it is used; a problem refuses it. */
export function judgeServers(client: Redis, judge: (info: ServerInfo) => ServerProblem | undefined): void {
  // Whatever found the server has its own say too: Sentinel looks elsewhere when it is not a master.
  const { connector } = client as unknown as { connector: { check(info: ServerInfo): boolean } }
  const check = connector.check.bind(connector)
  connector.check = (info) => {
    const problem = judge(info)
    return check(info) && problem === undefined
  }
}

/** The text of `INFO` by its fields. */
export function parseInfo(text: string): ServerInfo {
  const lines = text.split('\r\n').map((line) => /^(\w+):(.*)$/.exec(line))
  return Object.fromEntries(lines.flatMap((line) => (line ? [[line[1], line[2]]] : [])))
}

/** What is wrong with a server; undefined when nothing is. */
export function serverProblem(info: ServerInfo, expectCluster: boolean): ServerProblem | undefined {
  if (info.redis_version === undefined) {
    return {
      text: 'The Redis server does not say its version: the right to INFO is needed.',
      isLasting: true,
    }
  }
  if (!(Number.parseInt(info.redis_version, 10) >= REDIS_MAJOR_MIN)) {
    const text = `The Redis server has version ${info.redis_version}; ${REDIS_MAJOR_MIN}.0 or later is needed.`
    return { text, isLasting: true }
  }
  if (expectCluster) return undefined
  if (info.redis_mode === 'cluster') {
    const text = 'The Redis server is part of a Cluster: set REDIS_CLUSTER_NODES instead.'
    return { text, isLasting: true }
  }
  if (info.redis_mode === 'sentinel') {
    const text = 'The Redis server is a Sentinel: set REDIS_SENTINELS instead.'
    return { text, isLasting: true }
  }
  if (info.role === 'slave') {
    return { text: 'READONLY the Redis server is a replica; its master is needed', isLasting: false }
  }
  return undefined
}
