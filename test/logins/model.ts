/**
 * A model of who may stay, and random histories that compare it with real nodes in a virtual world.
 *
 * The model knows one user's logins and tokens, whole and in order; the nodes know them in parts and late. After each
 * step, when all is quiet, both must agree on every socket, every kick frame and every token. Where logins race, the
 * model says what any order of them has in common, and takes over what happened.
 */
import fc from 'fast-check'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { Policy } from '../../src/rules/logins/login-policy.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import type { VirtualClient } from '../world/client.js'
import { CLASSES, PLATFORMS, POLICY_NUMBERS, removes } from './facts.js'
import { GRACE_MS, LoginCluster } from './login-cluster.js'

const NODES = 3
const USERS = ['ann', 'bob']
/** Longer than anything takes... */
const QUIET_MS = 1_000
/** ...where a login may wait at the door for others to make room, */
const QUIET_AT_DOOR_MS = 2_400
/** ...and where a node was lost that had to be asked. */
const QUIET_AFTER_LOSS_MS = 3_000
/** On top, where a socket that does not answer is waited for. */
const QUIET_HALF_OPEN_MS = 6_000

interface Token {
  userId: UserId
  platformId: PlatformId
  text: string
  isGood: boolean
}

interface Login {
  client: VirtualClient
  token: Token
  /** What the model expects of the socket. */
  state: 'in' | 'closed' | 'refused'
  errCode: number | undefined
  kicks: number
}

interface World {
  policy: Policy
  refusesNew: boolean
  perUserMax: number
  perPlatformMax: number
  tokens: Token[]
  logins: Login[]
  /** A node was lost: some answers never come. */
  hasLoss: boolean
}

type Step = fc.AsyncCommand<World, LoginCluster, false>

export interface History {
  seed: number
  isShardApart: boolean
  policy: Policy
  refusesNew: boolean
  /** 0 = no cap. */
  perUserMax: number
  perPlatformMax: number
}

// The rules

const inside = (world: World, userId?: UserId) =>
  world.logins.filter(({ state, token }) => state === 'in' && (userId ?? token.userId) === token.userId)

/** Connections of one token belong to one device, and never conflict. */
function conflicts(world: World, a: Token, b: Token): boolean {
  return a !== b && a.userId === b.userId && removes(world.policy, a.platformId, b.platformId)
}

function kick(world: World, logins: Login[]): void {
  const tokens = new Set(logins.map(({ token }) => token))
  for (const token of tokens) token.isGood = false
  // Whoever else came with such a token goes too.
  for (const login of inside(world)) {
    if (!tokens.has(login.token)) continue
    login.state = 'closed'
    login.kicks = 1
  }
}

/** A login that nothing races with. */
function expectLogin(world: World, login: Login): void {
  const { token } = login
  world.logins.push(login)
  if (!token.isGood) return expectRefusal(login, WireCode.TokenKickedError)
  const rivals = inside(world).filter((other) => conflicts(world, token, other.token))
  if (world.refusesNew && rivals.length > 0) return expectRefusal(login, WireCode.LoginConflict)
  if (!hasRoom(world, login, rivals)) return expectRefusal(login, WireCode.TooManyConnectionsOfUser)
  endHalfOpen(world, login)
  kick(world, rivals)
}

/** A device that is here again has nothing to hold a half-open connection for; those that answer stay. */
function endHalfOpen(world: World, login: Login): void {
  for (const other of inside(world)) {
    if (other.token === login.token && other.client.isHalfOpen) other.state = 'closed'
  }
}

/** Rivals leave, and do not count. At the cap half-open connections of the same device make room. */
function hasRoom(world: World, login: Login, rivals: Login[]): boolean {
  const { perUserMax, perPlatformMax } = world
  const { userId, platformId } = login.token
  const isFull = () => {
    const counted = inside(world, userId).filter((other) => other !== login && !rivals.includes(other))
    const here = counted.filter(({ token }) => token.platformId === platformId)
    return (
      (perUserMax > 0 && counted.length >= perUserMax) ||
      (perPlatformMax > 0 && here.length >= perPlatformMax)
    )
  }
  if (!isFull()) return true
  endHalfOpen(world, login)
  return !isFull()
}

function expectRefusal(login: Login, errCode: number): void {
  login.state = 'refused'
  login.errCode = errCode
}

// The comparison

function quiet(world: World, cluster: LoginCluster): Promise<void> {
  const hasDoor = world.refusesNew || world.perUserMax + world.perPlatformMax > 0
  const quietMs = world.hasLoss ? QUIET_AFTER_LOSS_MS : hasDoor ? QUIET_AT_DOOR_MS : QUIET_MS
  const isProbed = world.logins.some(({ client }) => client.isHalfOpen && client.state === 'in')
  return cluster.run(quietMs + (isProbed ? QUIET_HALF_OPEN_MS : 0))
}

async function agree(world: World, cluster: LoginCluster): Promise<void> {
  await quiet(world, cluster)
  for (const login of world.logins) {
    const { client, token } = login
    if (client.isHalfOpen && client.state === 'closed' && hasTwin(world, login)) login.state = 'closed'
    const is = { state: client.state, errCode: client.errCode, kicks: client.kicks }
    const should = { state: login.state, errCode: login.errCode, kicks: login.kicks }
    if (JSON.stringify(is) !== JSON.stringify(should)) {
      throw new Error(
        `${token.userId} on ${token.platformId} at node ${client.node} is ${JSON.stringify(is)}, should be ${JSON.stringify(should)}`,
      )
    }
  }
  await agreeOnTokens(world, cluster)
  agreeOnRecords(world, cluster)
}

/**
 * Another connection of the same device. Nodes ask again whenever something changes for the user, so a half-open one
 * beside it may go before the device logs in again.
 */
function hasTwin(world: World, login: Login): boolean {
  return inside(world).some((other) => other !== login && other.token === login.token)
}

async function agreeOnTokens(world: World, cluster: LoginCluster): Promise<void> {
  for (const userId of USERS) {
    const records = await cluster.ask(0, { kind: 'tokensOf', userId })
    for (const { text, platformId, isGood } of world.tokens.filter((token) => token.userId === userId)) {
      const state = records.find((record) => record.token === text)?.state
      if ((state === 'normal') !== isGood)
        throw new Error(
          `a token of ${userId} on ${platformId} is ${state}, should be ${isGood ? 'good' : 'kicked'}`,
        )
    }
  }
}

/** Nobody whose socket is open is missing in the store. */
function agreeOnRecords(world: World, cluster: LoginCluster): void {
  for (const userId of USERS) {
    const recorded = new Set(cluster.backend.read(userId).claims.map(({ platformId }) => platformId))
    for (const { token } of inside(world, userId)) {
      if (!recorded.has(token.platformId)) throw new Error(`${userId} is not recorded on ${token.platformId}`)
    }
  }
}

// The steps

class MakeToken implements Step {
  constructor(
    readonly node: number,
    readonly userId: UserId,
    readonly platformId: PlatformId,
    readonly byRules: boolean,
  ) {}
  check = (world: World) => world.tokens.length < 24
  async run(world: World, cluster: LoginCluster): Promise<void> {
    const { node, userId, platformId } = this
    // Users get no token for the administrators' platform by the rules.
    if (!this.byRules || platformId === Platform.Admin) {
      const text = await cluster.grant(userId, platformId)
      world.tokens.push({ userId, platformId, text, isGood: true })
      return
    }
    const made = await cluster.until(cluster.service(node).create({ userId, platformId }))
    if (!made.ok) throw new Error(`no token: ${made.errCode}`)
    const token: Token = { userId, platformId, text: made.token, isGood: true }
    supersede(world, token)
    world.tokens.push(token)
    await agree(world, cluster)
  }
  toString = () => `makeToken(${this.node}, ${this.userId}, ${this.platformId}, ${this.byRules})`
}

/** What a new token does to those before it; the newest is the last of the list. */
function supersede(world: World, made: Token): void {
  const good = world.tokens.filter((token) => token.userId === made.userId && token.isGood)
  const newest = (tokens: Token[]) => tokens.at(-1)
  const keepOne = (tokens: Token[], kept = newest(tokens)) => {
    for (const token of tokens) if (token !== kept) token.isGood = false
  }
  const others = (key: (token: Token) => unknown) => {
    const groups = new Map<unknown, Token[]>()
    for (const token of good) {
      if (key(token) !== key(made)) groups.set(key(token), [...(groups.get(key(token)) ?? []), token])
    }
    return [...groups.values()]
  }
  const classOf = (token: Token) => CLASSES[token.platformId]
  const isPc = (token: Token) => classOf(token) === 'PC'
  if (world.refusesNew || world.policy === 0) return
  if (world.policy === 1) {
    for (const token of good) if (token.platformId === made.platformId) token.isGood = false
    for (const group of others((token) => token.platformId)) keepOne(group)
  } else if (world.policy === 4) {
    for (const token of good) if (classOf(token) === classOf(made)) token.isGood = false
    for (const group of others(classOf)) keepOne(group)
  } else {
    const devices = good.filter((token) => !isPc(token))
    if (isPc(made))
      keepOne(devices, newest(devices.filter(({ platformId }) => platformId === 2)) ?? newest(devices))
    else for (const token of devices) token.isGood = false
  }
}

class LogIn implements Step {
  constructor(
    readonly node: number,
    readonly which: number,
  ) {}
  check = (world: World) => world.tokens.length > 0
  async run(world: World, cluster: LoginCluster): Promise<void> {
    const login = enter(cluster, this.node, world.tokens[this.which % world.tokens.length]!)
    expectLogin(world, login)
    await agree(world, cluster)
  }
  toString = () => `logIn(${this.node}, token ${this.which})`
}

function enter(cluster: LoginCluster, node: number, token: Token): Login {
  const client = cluster.login(node, token.userId, token.platformId, token.text)
  return { client, token, state: 'in', errCode: undefined, kicks: 0 }
}

/** The socket ends, with a goodbye or without. */
class Leave implements Step {
  constructor(
    readonly which: number,
    readonly clean: boolean,
  ) {}
  check = (world: World) => inside(world).length > 0
  async run(world: World, cluster: LoginCluster): Promise<void> {
    const login = pick(inside(world), this.which)
    login.client.close(this.clean && !login.client.isHalfOpen)
    login.state = 'closed'
    await agree(world, cluster)
  }
  toString = () => `leave(${this.which}, ${this.clean ? 'clean' : 'broken'})`
}

/** The same device again, while its old socket is half open. */
class Reconnect implements Step {
  constructor(
    readonly which: number,
    readonly node: number,
  ) {}
  check = (world: World) => inside(world).length > 0
  async run(world: World, cluster: LoginCluster): Promise<void> {
    const old = pick(inside(world), this.which)
    old.client.isHalfOpen = true
    expectLogin(world, enter(cluster, this.node, old.token))
    await agree(world, cluster)
  }
  toString = () => `reconnect(${this.which}, ${this.node})`
}

/** A client's network goes, and the client does not come back for now. */
class Vanish implements Step {
  constructor(readonly which: number) {}
  check = (world: World) => inside(world).length > 0
  async run(world: World): Promise<void> {
    pick(inside(world), this.which).client.isHalfOpen = true
  }
  toString = () => `vanish(${this.which})`
}

type Selector = 'user' | 'platform' | 'connection' | 'token'

class KickByHand implements Step {
  constructor(
    readonly node: number,
    readonly selector: Selector,
    readonly which: number,
  ) {}
  check = (world: World) => inside(world).length > 0
  async run(world: World, cluster: LoginCluster): Promise<void> {
    const target = pick(inside(world), this.which)
    const { userId, platformId } = target.token
    const meant = inside(world, userId).filter((login) => this.isMeant(login, target))
    const { gone } = await this.kick(cluster, target)
    if (this.selector === 'user' || this.selector === 'platform') {
      for (const token of world.tokens) {
        const isMeant =
          token.userId === userId && (this.selector === 'user' || token.platformId === platformId)
        if (isMeant) token.isGood = false
      }
    }
    kick(world, meant)
    // Several logins of one token: the flag of the first may have ended the next before the kick came there.
    const tokens = new Set(meant.map(({ token }) => token)).size
    if (gone > meant.length || gone < tokens)
      throw new Error(`${gone} were kicked, should be ${meant.length}`)
    await agree(world, cluster)
  }
  private isMeant({ token, client }: Login, target: Login): boolean {
    if (this.selector === 'connection') return client === target.client
    if (this.selector === 'token') return token === target.token
    return this.selector === 'user' || token.platformId === target.token.platformId
  }
  private async kick(cluster: LoginCluster, { token, client }: Login) {
    const { userId, platformId, text } = token
    const service = cluster.service(this.node)
    if (this.selector === 'token') {
      const kicked = await cluster.kick(this.node, { userId, token: tokenDigest(text) })
      await cluster.until(service.kickTokenOf(userId, text))
      return kicked
    }
    if (this.selector === 'connection') {
      const connectionId = await connectionIdOf(cluster, this.node, client)
      return cluster.kick(this.node, { userId, connectionId })
    }
    const platformIds = this.selector === 'platform' ? [platformId] : undefined
    const kicked = await cluster.kick(
      this.node,
      platformIds === undefined ? { userId } : { userId, platformIds },
    )
    await cluster.until(service.forceLogout(userId, platformIds?.[0]))
    return kicked
  }
  toString = () => `kick(${this.node}, ${this.selector} of ${this.which})`
}

async function connectionIdOf(cluster: LoginCluster, node: number, client: VirtualClient): Promise<string> {
  const { userId } = client
  const { left } = await cluster.kick(node, { userId, platformIds: [] })
  const hint = tokenDigest(client.token).slice(0, 6)
  const mine = left.filter(
    (login) => login.nodeId === `node-${client.node}` && login.connectionId.endsWith(hint),
  )
  // Several sockets of one token on one node: the newest is listed last, as in the model.
  const twins = cluster.inside(userId).filter((one) => one.node === client.node && one.token === client.token)
  const login = mine[twins.indexOf(client)]
  if (login === undefined) throw new Error(`${userId} at node ${client.node} is not listed`)
  return login.connectionId
}

class Wait implements Step {
  constructor(readonly ms: number) {}
  check = () => true
  async run(world: World, cluster: LoginCluster): Promise<void> {
    await cluster.run(this.ms)
    await agree(world, cluster)
  }
  toString = () => `wait(${this.ms})`
}

class RestartNode implements Step {
  constructor(readonly node: number) {}
  check = () => true
  async run(world: World, cluster: LoginCluster): Promise<void> {
    cluster.restart(this.node)
    for (const login of inside(world)) if (login.client.node === this.node) login.state = 'closed'
    world.hasLoss = true
    await agree(world, cluster)
  }
  toString = () => `restart(${this.node})`
}

/** Logins at the same time, on whatever nodes. */
class Race implements Step {
  constructor(readonly entries: readonly { node: number; which: number; afterMs: number }[]) {}
  check = (world: World) => world.tokens.length > 0
  async run(world: World, cluster: LoginCluster): Promise<void> {
    const before = inside(world)
    const wasGood = new Set(world.tokens.filter(({ isGood }) => isGood))
    const racers: Login[] = []
    for (const { node, which, afterMs } of this.entries) {
      await cluster.run(afterMs)
      racers.push(enter(cluster, node, world.tokens[which % world.tokens.length]!))
    }
    await quiet(world, cluster)
    for (const login of [...before, ...racers]) adopt(login)
    world.logins.push(...racers)
    judgeRace(world, before, racers, wasGood)
    await agree(world, cluster)
  }
  toString = () =>
    `race(${this.entries.map(({ node, which, afterMs }) => `node ${node} token ${which} +${afterMs}`).join(', ')})`
}

function adopt(login: Login): void {
  const { state, errCode, kicks } = login.client
  if (state === 'knocking') throw new Error(`${login.token.userId} still waits at the door`)
  Object.assign(login, { state, errCode, kicks })
}

/** What every order of these logins has in common. */
function judgeRace(world: World, before: Login[], racers: Login[], wasGood: Set<Token>): void {
  const isIn = ({ state }: Login) => state === 'in'
  for (const login of [...before, ...racers]) {
    if (login.kicks > 1) throw new Error('one login was kicked twice')
    if (login.client.isHalfOpen && hasYielded(login, before, racers)) continue
    const isRival = (other: Login) =>
      other.token === login.token || conflicts(world, other.token, login.token)
    const rivals = racers.filter((other) => other !== login && isRival(other))
    if (isIn(login)) {
      const left = [...before, ...racers].filter(
        (other) => other !== login && isIn(other) && conflicts(world, other.token, login.token),
      )
      if (left.length > 0) throw new Error(`two in conflict are in: ${login.token.userId}`)
      continue
    }
    const isRacer = racers.includes(login)
    if (isRacer && !wasGood.has(login.token)) {
      if (login.errCode !== WireCode.TokenKickedError) throw new Error('a bad token was not refused')
      continue
    }
    const reasons = isRacer && world.refusesNew ? [...rivals, ...before] : rivals
    // At a cap others stand in the way, or the same device, which made room.
    const isCapped = world.perUserMax + world.perPlatformMax > 0
    const winners = (isCapped ? [...before, ...racers] : reasons).filter(
      (other) =>
        isIn(other) &&
        other !== login &&
        (isCapped ? other.token.userId === login.token.userId : isRival(other)),
    )
    if (winners.length === 0) throw new Error(`${login.token.userId} is out, and for nobody who is in`)
    if (world.refusesNew && login.kicks > 0)
      throw new Error('somebody was kicked where newcomers are refused')
  }
  judgeCaps(world)
  if (world.refusesNew) return
  // The tokens of the dead, and no others.
  for (const token of wasGood) {
    const holders = [...before, ...racers].filter((login) => login.token === token)
    if (holders.some(isIn)) continue
    if (holders.some((login) => login.kicks > 0 || login.errCode === WireCode.TokenKickedError))
      token.isGood = false
  }
}

/** Whether a half-open connection has gone in silence, as it has to when its device is in again. See `hasTwin`. */
function hasYielded(login: Login, before: Login[], racers: Login[]): boolean {
  const isTwin = (other: Login) => other !== login && other.token === login.token
  if (login.state === 'closed') return login.kicks === 0 && [...before, ...racers].some(isTwin)
  if (racers.some((other) => isTwin(other) && other.state === 'in'))
    throw new Error(`${login.token.userId} has a half-open connection still`)
  return false
}

function judgeCaps(world: World): void {
  for (const userId of USERS) {
    const logins = inside(world, userId)
    const most = Math.max(0, ...logins.map(({ token }) => onPlatform(logins, token.platformId)))
    if (world.perUserMax > 0 && logins.length > world.perUserMax) throw new Error(`${userId} is in too often`)
    if (world.perPlatformMax > 0 && most > world.perPlatformMax)
      throw new Error(`${userId} is on one platform too often`)
  }
}

function onPlatform(logins: Login[], platformId: PlatformId): number {
  return logins.filter(({ token }) => token.platformId === platformId).length
}

function pick<T>(list: readonly T[], which: number): T {
  return list[which % list.length]!
}

// Histories

const node = fc.nat(NODES - 1)
const which = fc.nat(30)
const user = fc.constantFrom(...USERS)
/** Mostly few platforms, so that logins meet. */
const platform = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(1, 2, 3, 8) },
  { weight: 1, arbitrary: fc.constantFrom(...PLATFORMS) },
)
const entry = fc.record({ node, which, afterMs: fc.oneof(fc.constant(0), fc.nat(40)) })
const steps = (replayPath?: string) =>
  fc.commands<World, LoginCluster, false>(
    [
      fc.tuple(node, user, platform, fc.constant(false)).map((args) => new MakeToken(...args)),
      fc.tuple(node, user, platform, fc.constant(false)).map((args) => new MakeToken(...args)),
      fc.tuple(node, user, platform, fc.constant(true)).map((args) => new MakeToken(...args)),
      fc.tuple(node, which).map((args) => new LogIn(...args)),
      fc.tuple(node, which).map((args) => new LogIn(...args)),
      fc.tuple(node, which).map((args) => new LogIn(...args)),
      fc.tuple(which, fc.boolean()).map((args) => new Leave(...args)),
      fc.tuple(which, node).map((args) => new Reconnect(...args)),
      which.map((gone) => new Vanish(gone)),
      fc
        .tuple(node, fc.constantFrom<Selector>('user', 'platform', 'connection', 'token'), which)
        .map((args) => new KickByHand(...args)),
      fc.nat(3 * GRACE_MS).map((ms) => new Wait(ms)),
      node.map((lost) => new RestartNode(lost)),
      fc.array(entry, { minLength: 2, maxLength: 4 }).map((entries) => new Race(entries)),
    ],
    { maxCommands: 30, size: 'max', ...(replayPath !== undefined && { replayPath }) },
  )
const history = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  isShardApart: fc.boolean(),
  policy: fc.constantFrom(...POLICY_NUMBERS),
  refusesNew: fc.boolean(),
  perUserMax: fc.constantFrom(0, 0, 0, 1, 2, 3),
  perPlatformMax: fc.constantFrom(0, 0, 0, 1, 2),
})

export interface ModelRun {
  seed: number
  sequences: number
  /** As fast-check reported them: only this history is run. */
  replay?: { path: string; replayPath: string } | undefined
  /** Called after each. */
  onSequence?: (done: number) => void
}

/** Rejects with fast-check's report (seed, path and the shortest history) where the nodes and the model part. */
export async function compareWithModel({ seed, sequences, replay, onSequence }: ModelRun): Promise<void> {
  let done = 0
  const property = fc.asyncProperty(history, steps(replay?.replayPath), async (setting, commands) => {
    await runHistory(setting, commands)
    onSequence?.(++done)
  })
  await fc.assert(property, {
    seed,
    numRuns: sequences,
    ...(replay && { path: replay.path, endOnFailure: true }),
  })
}

async function runHistory(history: History, commands: Iterable<Step>): Promise<void> {
  const cluster = new LoginCluster({ ...history, nodes: NODES, delayMaxMs: 40 })
  await cluster.run(QUIET_MS)
  const world: World = { ...history, tokens: [], logins: [], hasLoss: false }
  await fc.asyncModelRun(() => ({ model: world, real: cluster }), commands)
}
