/** What all questions do: start every peer with a crowd of its own, ask them in turn, and put Porchlight beside each. */
import { PeerCrowd } from '../crowd/dialect.js'
import { type Figure, figure, short } from '../support/figures.js'
import { interleave, medianOf, mustBe } from '../support/measure.js'
import type { Scope } from '../support/scope.js'
import type { Cost } from './cost.js'
import type { Peer, RunningPeer } from './peer.js'
import { porchlight } from './servers/porchlight.js'

/** Ahead by three times or more. */
const A_THIRD = { atMost: 0.33 }

/** A peer that runs, and its clients. */
export interface Contestant {
  peer: Peer
  running: RunningPeer
  crowd: PeerCrowd
}

/** One round of one measurement. */
export interface Result {
  value: number
  /** Operations that `cost` is for. */
  operations?: number
  cost?: Cost
  /** Of a core, that the crowd used meanwhile. */
  crowdPart?: number
  latenciesMs?: readonly number[]
}

export async function startContestant(scope: Scope, peer: Peer, nodes = 1): Promise<Contestant> {
  const running = await peer.start(scope, nodes)
  const crowd = PeerCrowd.start(scope, { dialect: peer.dialect, ports: running.ports })
  return { peer, running, crowd }
}

/** The results of each peer by the name of the measurement. `warmUps`: rounds before those that count. */
export async function contest<K extends string>(
  peers: readonly Peer[],
  { rounds, warmUps = 1 }: { rounds: number; warmUps?: number },
  roundOf: (peer: Peer) => Promise<() => Promise<Record<K, Result>>>,
): Promise<Map<Peer, Record<K, Result>[]>> {
  const ways: Record<string, () => Promise<Record<K, Result>>> = {}
  for (const peer of peers) ways[peer.key] = explained(peer, await roundOf(peer))
  await interleave(warmUps, ways)
  const results = await interleave(rounds, ways)
  return new Map(peers.map((peer) => [peer, results[peer.key]!]))
}

export interface Row<K extends string> {
  /** Which of the round's results. */
  of: K
  name: string
  unit: string
  /** Whether the goal is about the values, smaller ones being better, because there is no CPU time to compare. */
  byValue?: boolean
}

/** A row for each other peer: Porchlight's value, the peer's, and how they compare. */
export function rowsOf<K extends string>(
  results: ReadonlyMap<Peer, Record<K, Result>[]>,
  { of, name, unit, byValue = false }: Row<K>,
): Figure[] {
  const ours = results.get(porchlight)!.map((round) => round[of])
  const others = [...results].filter(([peer]) => peer !== porchlight)
  return others.map(([peer, rounds]) => {
    const theirs = rounds.map((round) => round[of])
    const [cpuUs, theirCpuUs] = [cpuUsOf(ours), cpuUsOf(theirs)]
    const hasGoal = peer.isToBeLed && (byValue || cpuUs !== undefined)
    return figure({
      name,
      unit,
      ours: valuesOf(ours),
      ...(cpuUs === undefined ? {} : { cpuUs }),
      ...latenciesOf(ours),
      ceiling: {
        name: peer.name,
        values: valuesOf(theirs),
        ...(theirCpuUs === undefined ? {} : { cpuUs: theirCpuUs }),
      },
      ...generatorOf(ours, theirs),
      ...(hasGoal ? { goal: byValue ? A_THIRD : { ...A_THIRD, of: 'cpu' as const } } : {}),
      notes: redisNotes(ours, peer, theirs),
    })
  })
}

/** Everything that was said was told, and nothing twice. */
export async function mustHaveTold(
  { peer, crowd }: Contestant,
  expected: { online: number; offline: number },
): Promise<void> {
  const { online, offline } = await crowd.count()
  mustBe(online, expected.online, `${peer.name}: messages that somebody is online`)
  mustBe(offline, expected.offline, `${peer.name}: messages that somebody is offline`)
}

function explained<T>(peer: Peer, round: () => Promise<T>): () => Promise<T> {
  return async () => {
    try {
      return await round()
    } catch (error) {
      throw new Error(`${peer.name}: ${(error as Error).message}`, { cause: error })
    }
  }
}

function valuesOf(results: readonly Result[]): number[] {
  return results.map(({ value }) => value)
}

/** Of each round, microseconds an operation; undefined when it was not measured. */
function cpuUsOf(results: readonly Result[], part: keyof Cost = 'server'): number[] | undefined {
  if (results.some(({ cost }) => cost === undefined)) return undefined
  return results.map(({ cost, operations }) => (cost![part] * 1e6) / operations!)
}

function latenciesOf(results: readonly Result[]): { latenciesMs?: number[] } {
  const latenciesMs = results.flatMap((result) => result.latenciesMs ?? [])
  return latenciesMs.length === 0 ? {} : { latenciesMs }
}

function generatorOf(
  ours: readonly Result[],
  theirs: readonly Result[],
): { generator?: { name: string; ours: number[]; ceiling: number[] } } {
  const partsOf = (results: readonly Result[]) => results.flatMap(({ crowdPart }) => crowdPart ?? [])
  const parts = partsOf(ours)
  if (parts.length === 0) return {}
  return { generator: { name: 'the crowd', ours: parts, ceiling: partsOf(theirs) } }
}

function redisNotes(ours: readonly Result[], peer: Peer, theirs: readonly Result[]): string[] {
  const [ourUs, theirUs] = [redisUsOf(ours), redisUsOf(theirs)]
  if (ourUs === undefined) return []
  const beside = theirUs === undefined ? '' : `, beside ${peer.name} ${short(theirUs)} µs`
  return [`Redis takes another ${short(ourUs)} µs of CPU each${beside}`]
}

/** The middle one; undefined where there is no Redis, or its time was not measured. */
function redisUsOf(results: readonly Result[]): number | undefined {
  const each = cpuUsOf(results, 'store')
  return each === undefined || each.every((us) => us === 0) ? undefined : medianOf(each)
}
