/**
 * The rights that a user of Redis needs: each command with the keys and channels that it is used on. What docs/clustering.md
 * says of an ACL user, and what is checked when a store is opened.
 */
import type { Redis } from 'ioredis'
import { append } from '../../../rules/append.js'
import { type Keys, OPENIM_CHANNEL } from '../keys.js'
import { defineScripts, runScript } from '../scripts/scripts.js'

export interface RightsNeeded {
  keys: Keys
  db: number
  isCluster: boolean
  openimCompat: boolean
}

/** Commands that are used on keys or channels of one pattern, or on neither ('' as the pattern). */
interface Grant {
  /** As an ACL rule has it: `~pattern` or `&pattern`. */
  on: string
  /** A name that the pattern covers. */
  example: string
  /** Each with what follows the key. */
  commands: readonly string[]
}

const EXPIRE = 'expire 1'
const SCORES = 'zrangebyscore 0 1'
const CLAIMS = ['zrange 0 -1', SCORES, 'zadd 1 m', 'zrem m', EXPIRE]
const UNION = [...CLAIMS, 'zremrangebyscore 0 1', 'zcard']
const SEATS = ['zrange 0 -1', 'zadd 1 m', 'zrem m', 'zremrangebyscore 0 1', EXPIRE]
const WATCHES = ['hgetall', 'hset f v', 'hdel f', EXPIRE]
const TOKENS = ['hget f', ...WATCHES, 'ttl']
const REGISTRY = ['zrange 0 -1', 'zscore m', 'zadd 1 m', 'zrem m', 'zremrangebyscore 0 1']

/** Examples of a user, a platform and a node: only what stands before them matters. */
const [USER, PLATFORM, NODE] = ['user', 'Web', 'node']

function grants({ keys, db, isCluster, openimCompat }: RightsNeeded): Grant[] {
  const on = (name: string, example: string, commands: readonly string[]) => ({
    on: `~${keys.prefix}${name}:*`,
    example,
    commands,
  })
  const channels = isCluster ? ['spublish m', 'ssubscribe'] : ['publish m', 'subscribe']
  const channel = `${keys.prefix}PORCHLIGHT:*`
  return [
    on('ONLINE', keys.online(USER), UNION),
    on('PRESENCE', keys.claims(USER), CLAIMS),
    on('WATCH', keys.watch(USER), WATCHES),
    on('SEATS', keys.seats(USER), SEATS),
    on('UID_PID_TOKEN_STATUS', keys.tokens(USER, PLATFORM), TOKENS),
    on('TOKENS', keys.tokenSide(USER, PLATFORM), [...TOKENS, 'hlen']),
    on('REFRESH', keys.refresh(USER, PLATFORM), ['hget f', ...WATCHES, 'del']),
    on('PORCHLIGHT', keys.nodes(), REGISTRY),
    on('DEAD', keys.dead(), REGISTRY),
    on('SWEEPS', keys.sweeps(), ['zadd 1 m', 'zrem m', SCORES]),
    on('VERSION', keys.registryVersion(), ['get', 'set v']),
    on('EPOCH', keys.epoch(NODE), ['get', 'set v']),
    { on: `&${channel}`, example: keys.nodeChannel(NODE), commands: channels },
    ...(openimCompat
      ? [{ on: `&${OPENIM_CHANNEL}`, example: OPENIM_CHANNEL, commands: ['publish m', 'subscribe'] }]
      : []),
    { on: '', example: '', commands: ['time', 'scan 0', 'ping', 'info'] },
    { on: '', example: '', commands: ['eval s 0', 'evalsha s 0', 'client|setname n'] },
    { on: '', example: '', commands: isCluster ? ['cluster|slots', 'cluster|info', 'asking'] : [] },
    { on: '', example: '', commands: db === 0 ? [] : [`select ${db}`] },
  ]
}

/** What `ACL SETUSER <name> on ><password>` has to be followed by; each part once, in the order of need. */
export function aclRules(needed: RightsNeeded): string[] {
  const all = grants(needed)
  const commands = all.flatMap((grant) => grant.commands.map((command) => `+${command.split(' ')[0]}`))
  const patterns = all.map((grant) => grant.on).filter((pattern) => pattern !== '')
  return [...new Set([...patterns, ...commands])]
}

/** What the user of this connection may not do, in words; undefined when nothing is missing. */
export async function missingRights(server: Redis, needed: RightsNeeded): Promise<string | undefined> {
  const asked = grants(needed).flatMap(({ on, example, commands }) =>
    commands.map((command) => ({ on, command: command.split(' ')[0]!, words: wordsOf(command, example) })),
  )
  defineScripts(server)
  const call = {
    script: 'checkRights' as const,
    keys: [],
    args: [JSON.stringify(asked.map(({ words }) => words))],
  }
  const refused = (await runScript(server, call)) as number[]
  if (refused.length === 0) return undefined
  const byPattern = new Map<string, string[]>()
  for (const place of refused) {
    const { on, command } = asked[place - 1]!
    append(byPattern, on, `+${command}`)
  }
  return [...byPattern].map(([on, commands]) => [on, ...commands].join(' ').trim()).join('; ')
}

/** The command with its key or channel in place. */
function wordsOf(command: string, example: string): string[] {
  const [name = '', ...rest] = command.split(' ')
  return [...name.split('|'), ...(example === '' ? [] : [example]), ...rest]
}
