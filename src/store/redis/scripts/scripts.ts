/**
 * The Lua scripts beside this file: loading them, one builder for the keys and arguments of each, and the reading
 * of what they return. No decisions here.
 *
 * `-- @include name` in a script stands for `include/name.lua`. ioredis sends EVALSHA and, where a server does not
 * know the script (new connection, fail-over, SCRIPT FLUSH), EVAL.
 */

import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'
import { Unpackr } from 'msgpackr'
import { splitHolder } from '../../../rules/cluster/holder.js'
import { EPOCH_MEMORY_S, leaseTimes } from '../../../rules/cluster/lease-times.js'
import { type TokenDigest, tokenDigest } from '../../../rules/logins/token-digest.js'
import { snapshotOf, whereaboutsOf } from '../../../rules/presence/stored-record.js'
import type {
  Assertion,
  Holder,
  LoginNumber,
  SeatRequest,
  Snapshot,
  UserId,
  Whereabouts,
} from '../../../rules/types.js'
import type { LeaseRenewal } from '../../ports/node-registry.js'
import type { NodeSettings } from '../../ports/store.js'
import { REFILL_S, TOMBSTONE_S } from '../../shared/record-lives.js'
import { RELIANCE_RECORDED_S, RELIANCE_S, VOUCH_S } from '../../shared/token-lives.js'
import { type Keys, OPENIM_CHANNEL } from '../keys.js'

const SCRIPT_FILES = {
  assertPresence: 'assert-presence-n.lua',
  watchUsers: 'watch-users-n.lua',
  unwatchUsers: 'unwatch-users-n.lua',
  readUsers: 'read-users-n.lua',
  registerNode: 'register-node-5.lua',
  renewLease: 'renew-lease-5.lua',
  leaveRegistry: 'leave-registry-4.lua',
  findHeld: 'find-held-0.lua',
  takeSeat: 'take-seat-1.lua',
  keepSeats: 'keep-seats-n.lua',
  checkTokens: 'check-tokens-n.lua',
  readKick: 'read-kick-1.lua',
  kickTokens: 'kick-tokens-2.lua',
  vouchForToken: 'vouch-token-2.lua',
  rememberToken: 'remember-token-2.lua',
  rememberRefresh: 'remember-refresh-1.lua',
  takeRefresh: 'take-refresh-1.lua',
  checkRights: 'check-rights-0.lua',
} as const

/** One call of one script. */
export interface ScriptCall {
  script: keyof typeof SCRIPT_FILES
  keys: string[]
  args: (string | number)[]
}

function load(file: string): string {
  const text = readFileSync(new URL(`./${file}`, import.meta.url), 'utf8')
  return text.replace(/^-- @include (\S+)$/gm, (_, name: string) => load(`include/${name}.lua`))
}

const SOURCES = Object.entries(SCRIPT_FILES).map(([name, file]) => ({ name, lua: load(file) }))

/** Make the scripts commands of a client. */
export function defineScripts(client: Redis | Cluster): void {
  for (const { name, lua } of SOURCES) client.defineCommand(name, { lua })
}

type ScriptCommand = (keyCount: number, ...keysAndArgs: (string | number)[]) => Promise<unknown>

/** Call a script on a client that has them; what it returns comes as ioredis gives it, texts as Buffers. */
export function runScript(client: Redis | Cluster, { script, keys, args }: ScriptCall): Promise<unknown> {
  const commands = client as unknown as Record<string, ScriptCommand>
  return commands[`${script}Buffer`]!(keys.length, ...keys, ...args)
}

interface Asker {
  keys: Keys
  holder: Holder
  openimCompat: boolean
}

export interface RecordSettings extends Asker {
  presenceTtlS: number
  /** The script tells the nodes that watch; it can where their channels are on the same server. */
  tellsNodes: boolean
}

export interface WatchSettings extends Asker {
  watchTtlS: number
}

/** At least one assertion; all on one master. */
export function assertPresence(batch: readonly Assertion[], settings: RecordSettings): ScriptCall {
  const { nodeId, epoch } = splitHolder(settings.holder)
  const channel = settings.openimCompat ? OPENIM_CHANNEL : ''
  const args: (string | number)[] = [nodeId, epoch, settings.presenceTtlS, TOMBSTONE_S, REFILL_S, channel]
  args.push(settings.tellsNodes ? settings.keys.nodeChannels : '')
  for (const { userId, versionSeen, platformIds, isLogin } of batch) {
    args.push(userId, versionSeen, platformIds.join(), isLogin === true ? 'l' : '')
  }
  return { script: 'assertPresence', keys: settings.keys.ofUser(batch[0]!.userId), args }
}

/** At least one user; all on one master. */
export function watchUsers(
  userIds: readonly UserId[],
  { keys, holder, watchTtlS, openimCompat }: WatchSettings,
): ScriptCall {
  const { nodeId, epoch } = splitHolder(holder)
  const args = [nodeId, epoch, watchTtlS, flag(openimCompat), ...userIds]
  return { script: 'watchUsers', keys: keys.ofUser(userIds[0]!), args }
}

/** At least one user; all on one master. */
export function unwatchUsers(userIds: readonly UserId[], keys: Keys, nodeId: string): ScriptCall {
  return { script: 'unwatchUsers', keys: keys.ofUser(userIds[0]!), args: [nodeId, ...userIds] }
}

/** At least one user; all on one master. */
export function readUsers(userIds: readonly UserId[], keys: Keys, openimCompat: boolean): ScriptCall {
  return { script: 'readUsers', keys: keys.ofUser(userIds[0]!), args: [flag(openimCompat), ...userIds] }
}

function flag(isSet: boolean): string {
  return isSet ? '1' : ''
}

export function registerNode(keys: Keys, settings: NodeSettings): ScriptCall {
  const { nodeId, nodeLeaseMs, processId, offlineGraceMs } = settings
  return {
    script: 'registerNode',
    keys: [...keys.ofRegistry(), keys.epoch(nodeId)],
    args: [nodeId, nodeLeaseMs, EPOCH_MEMORY_S, processId, offlineGraceMs],
  }
}

/**
 * What `renewLease` returns of a lease that is held, the last three only where the registry has another version; and
 * of one that was lost, the last two only where another process has the name.
 */
export type RenewalReply =
  | [isHeld: 1, toSweep: Buffer, suspects: Buffer[], version?: Buffer, living?: Buffer[], dead?: Buffer[]]
  | [isHeld: 0, rival?: Buffer, leaseLeftMs?: Buffer]

export function renewLease(
  keys: Keys,
  holder: Holder,
  renewal: LeaseRenewal,
  settings: NodeSettings,
): ScriptCall {
  const { nodeId, nodeLeaseMs, offlineGraceMs, presenceTtlS, processId } = settings
  const { known, suspects, previousIncarnations, unregistered, sweeping = '' } = renewal
  const { leaseMs, suspectBelowMs, renewalDueMs, farthestEndMs, sweepTurnMs } = leaseTimes(nodeLeaseMs)
  const args: (string | number)[] = [holder, leaseMs, known, offlineGraceMs, presenceTtlS, sweeping]
  args.push(suspectBelowMs, renewalDueMs, farthestEndMs, sweepTurnMs)
  args.push(processId, previousIncarnations.length, unregistered.length)
  args.push(...previousIncarnations, ...unregistered)
  for (const { holder: suspect, leaseEndMs } of suspects) args.push(suspect, leaseEndMs)
  return { script: 'renewLease', keys: [...keys.ofRegistry(), keys.epoch(nodeId)], args }
}

export function leaveRegistry(keys: Keys, holders: readonly Holder[]): ScriptCall {
  return { script: 'leaveRegistry', keys: keys.ofRegistry(), args: [...holders] }
}

/** A page of the keys of the master that is asked; returns the next cursor and userIDs. */
export function findHeld(keys: Keys, cursor: string, count: number, holder: Holder): ScriptCall {
  return { script: 'findHeld', keys: [], args: [cursor, count, holder, keys.prefix] }
}

/** `living`: seats of other holders are cleared; undefined = all count as living. */
export function takeSeat(
  keys: Keys,
  request: SeatRequest,
  holder: Holder,
  ttlS: number,
  living: Holder[] | undefined,
): ScriptCall {
  const { userId, seat, rivals, rivalsYield, perUserMax, perPlatformMax } = request
  const list = (items: readonly (string | number)[]) => `,${items.join()},`
  const args = [holder, seat, ttlS, perUserMax, perPlatformMax, list(rivals), rivalsYield ? 1 : 0]
  return {
    script: 'takeSeat',
    keys: [keys.seats(userId)],
    args: [...args, living === undefined ? '' : list(living)],
  }
}

/** At least one user; all on one master. */
export function keepSeats(keys: Keys, batch: readonly Assertion[], holder: Holder, ttlS: number): ScriptCall {
  const { nodeId, epoch } = splitHolder(holder)
  const args: (string | number)[] = [nodeId, epoch, ttlS]
  for (const { userId, seats } of batch) {
    const asked = seats?.asked.map((seat) => `?${seat}`) ?? []
    args.push(userId, [...(seats?.taken ?? []), ...asked].join())
  }
  return { script: 'keepSeats', keys: keys.ofUser(batch[0]!.userId), args }
}

/** Whose tokens: a user on the platform of that name. */
export interface TokenOwner {
  userId: UserId
  platformName: string
}

function tokenKeys(keys: Keys, { userId, platformName }: TokenOwner): string[] {
  return [keys.tokens(userId, platformName), keys.tokenSide(userId, platformName)]
}

/** At least one token; all on one master. */
export function checkTokens(
  keys: Keys,
  checks: readonly (TokenOwner & { token: string })[],
  holder: string,
): ScriptCall {
  const { nodeId, epoch } = splitHolder(holder)
  const args: (string | number)[] = [nodeId, epoch, RELIANCE_S, RELIANCE_RECORDED_S]
  for (const { userId, platformName, token } of checks) args.push(userId, platformName, token)
  return { script: 'checkTokens', keys: tokenKeys(keys, checks[0]!), args }
}

/** Returns the number of the login that kicked the token, as text; '' = none that is known. */
export function readKick(keys: Keys, owner: TokenOwner, token: string): ScriptCall {
  const key = keys.tokenSide(owner.userId, owner.platformName)
  return { script: 'readKick', keys: [key], args: [tokenDigest(token)] }
}

/** What a kick did: indices of the flagged tokens, from 1; nodes to tell, flat as node, epoch... */
export type KickReply = [flagged: number[], nodes: Buffer[]]

/** At least one token. */
export function kickTokens(
  keys: Keys,
  owner: TokenOwner,
  tokens: readonly string[],
  by: LoginNumber,
  lifeS: number,
): ScriptCall {
  const args = [by, lifeS, ...tokens.flatMap((token) => [token, tokenDigest(token)])]
  return { script: 'kickTokens', keys: tokenKeys(keys, owner), args }
}

export function vouchForToken(keys: Keys, owner: TokenOwner, token: string, login: LoginNumber): ScriptCall {
  return {
    script: 'vouchForToken',
    keys: tokenKeys(keys, owner),
    args: [token, tokenDigest(token), login, VOUCH_S],
  }
}

export function rememberToken(keys: Keys, owner: TokenOwner, token: string, lifeS: number): ScriptCall {
  return {
    script: 'rememberToken',
    keys: tokenKeys(keys, owner),
    args: [token, tokenDigest(token), lifeS],
  }
}

export function rememberRefresh(
  keys: Keys,
  owner: TokenOwner,
  refresh: TokenDigest,
  lifeS: number,
): ScriptCall {
  const key = keys.refresh(owner.userId, owner.platformName)
  return { script: 'rememberRefresh', keys: [key], args: [refresh, lifeS] }
}

export function takeRefresh(keys: Keys, owner: TokenOwner, refresh: TokenDigest): ScriptCall {
  const key = keys.refresh(owner.userId, owner.platformName)
  return { script: 'takeRefresh', keys: [key], args: [refresh] }
}

/** Where Redis has one user: the members of their claims; those of the union, where OpenIM's gateways share it. */
export type WhereaboutsReply = [claims: string[], union?: string[]]

/**
 * What stands in Redis of one user: claims flat as member, score, member, score...; the union's members; why the
 * interest could not be recorded, if it could not.
 */
export type RecordReply = [claims: (string | number)[], union: string[], problem?: string]

/** A user after a change, with who is still to be told: flat as node, epoch, node, epoch... */
export type ChangedReply = [claims: (string | number)[], union: string[], watchers: string[]]

/** The short form: no other node holds the user, and no watcher is left to be told. The assertion is the whole record. */
export type AloneReply = [version: number, partialUntilS: number]

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' })

/** What a script over users returned: per user in order its reply, or a text that says why there is none. */
export function decodeReplies<T>(packed: unknown): (T | string)[] {
  return unpackr.unpack(packed as Buffer) as (T | string)[]
}

export function decodeWhereabouts(userId: UserId, [members, union = []]: WhereaboutsReply): Whereabouts {
  return whereaboutsOf(userId, members, union)
}

export function decodeSnapshot(userId: UserId, [claims, union]: RecordReply | ChangedReply): Snapshot {
  return snapshotOf(userId, claims, union)
}

/** What stands in Redis after an assertion that changed something. */
export function decodeChange(
  { userId, platformIds }: Assertion,
  holder: Holder,
  reply: ChangedReply | AloneReply,
): Snapshot {
  if (!isAlone(reply)) return decodeSnapshot(userId, reply)
  const [version, partialUntilS] = reply
  const claims = platformIds.map((platformId) => ({ platformId, holder }))
  const snapshot: Snapshot = { userId, version, claims, foreign: [] }
  if (partialUntilS > 0) snapshot.isPartial = true
  return snapshot
}

export function isAlone(reply: ChangedReply | AloneReply): reply is AloneReply {
  return typeof reply[0] === 'number'
}
