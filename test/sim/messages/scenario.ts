/** From a seed to a history of messages: who writes to whom, who comes and goes, what fails, and what became of it. */
import type { UserId } from '../../../src/rules/types.js'
import { mulberry32 } from '../../../src/runtime/testkit/world.js'
import { ensureUser } from '../../../src/services/people/users.js'
import { SETTINGS as OPERATION_SETTINGS } from '../../support/operation-settings.js'
import { STORE_EPOCH_MS } from '../../world/cluster.js'
import type { Layout } from '../../world/node.js'
import { APART, IO_SLOTS, RecordedCluster, SETTINGS, STORAGE, TOGETHER } from '../cluster.js'
import type { Fault } from '../faults.js'
import type { History } from '../history.js'
import { checkMessages, type MessageBounds, type MessageViolation } from './checker.js'
import { Device } from './devices.js'
import { MESSAGE_FAULT_NAMES, MESSAGE_FAULTS, type MessageFaultName, settleMsOf, slotsOf } from './faults.js'

const NODES = 3
/** Two of them differ by their case alone. */
const USERS: UserId[] = ['ann', 'Ann', 'bob', 'cid']
const DEVICES: [UserId, number][] = [
  ['ann', 2],
  ['ann', 3],
  ['Ann', 2],
  ['bob', 1],
  ['bob', 3],
  ['cid', 2],
]
const TTL_S = 1_800

const START_MS = 5_000
const BUSY_MS = 45_000
/** Longer than the slowest repair: an order that was left is taken after 15 s. */
const QUIET_MS = 60_000
const READ_MS = 3_000

export const MESSAGE_BOUNDS: MessageBounds = {
  quickMs: 4_000,
  harmlessMs: SETTINGS.nodeLeaseMs / 2,
  recoveryMs: 8_000,
  clockMs: 1_000,
  epochMs: STORE_EPOCH_MS,
}

export type MessageStep =
  /** `isDoubled`: another device of the sender sends the same message too. */
  | { do: 'send'; device: number; to: UserId; id: string; isDoubled: boolean }
  | { do: 'move'; device: number; node: number; io: number; clean: boolean }
  /** `isDoubled`: another device of the user does so too. */
  | { do: 'revoke'; device: number; isDoubled: boolean }
  | { do: 'goAway'; device: number; forMs: number; clean: boolean }

export interface MessagePlan {
  seed: number
  layout: Layout
  isOneServer: boolean
  delayMaxMs: number
  faults: Fault<MessageFaultName>[]
  steps: (MessageStep & { atMs: number })[]
}

/** `names`: nothing else goes wrong; unless all are named, at least one of them does. */
export function messagePlanOf(seed: number, names = MESSAGE_FAULT_NAMES): MessagePlan {
  const random = mulberry32(seed * 6_271 + 29)
  const below = (n: number) => Math.floor(random() * n)
  const pick = <T>(list: readonly T[]) => list[below(list.length)]!
  const layout = { ...(seed % 3 === 0 ? TOGETHER : APART), ...STORAGE }
  const steps: MessagePlan['steps'] = []
  const paceMs = pick([100, 400, 1_500])
  for (let atMs = START_MS; atMs < START_MS + BUSY_MS; atMs += random() * 2 * paceMs) {
    steps.push({ atMs, ...step(steps.length) })
  }
  const faults: MessagePlan['faults'] = []
  const isAny = names.length === MESSAGE_FAULT_NAMES.length
  for (let left = pick(isAny ? [0, 1, 1, 2, 3] : [1, 2, 2, 3]); left > 0; left--) {
    const fault = makeFault()
    if (!faults.some((one) => clash(fault, one))) faults.push(fault)
  }
  return { seed, layout, isOneServer: seed % 4 < 2, delayMaxMs: pick([10, 100, 400]), faults, steps }

  function makeFault(): Fault<MessageFaultName> {
    const name = pick(names)
    const [minMs, maxMs] = MESSAGE_FAULTS[name].lasts
    const fromMs = START_MS + random() * (BUSY_MS - maxMs)
    const toMs = fromMs + minMs + random() * (maxMs - minMs)
    return { name, node: below(NODES), slot: pick(slotsOf(name, layout)), fromMs, toMs, degree: random() }
  }

  function step(number: number): MessageStep {
    const kind = random()
    const device = below(DEVICES.length)
    if (kind < 0.06) return { do: 'goAway', device, forMs: random() * 10_000, clean: random() < 0.5 }
    if (kind < 0.15) {
      return { do: 'move', device, node: below(NODES), io: below(IO_SLOTS.length), clean: random() < 0.5 }
    }
    if (kind < 0.22) return { do: 'revoke', device, isDoubled: random() < 0.5 }
    const to = pick(USERS.filter((user) => user !== DEVICES[device]![0]))
    // IDs of two messages in turn differ by their case alone.
    const id = `${number % 2 === 0 ? 'm' : 'M'}${Math.floor(number / 2)}`
    return { do: 'send', device, to, id, isDoubled: random() < 0.2 }
  }
}

const APART_MS = 5_000

/** Two faults are not tried together where the end of one would undo the other. */
function clash(one: Fault<MessageFaultName>, other: Fault<MessageFaultName>): boolean {
  const meet = one.fromMs <= other.toMs + APART_MS && other.fromMs <= one.toMs + APART_MS
  const strike = [one, other].map(({ name }) => MESSAGE_FAULTS[name].strikesNode)
  if (!meet) return false
  if (strike.every(Boolean)) return one.node === other.node
  return one.name === other.name || [one, other].every(({ name }) => OF_ONE_SERVER.includes(name))
}

const OF_ONE_SERVER: MessageFaultName[] = ['storeDown', 'storeFlaps', 'loseLastWrites']

export interface MessageOutcome {
  plan: MessagePlan
  history: History
  violations: MessageViolation[]
}

export function simulateMessages(seed: number, names = MESSAGE_FAULT_NAMES): Promise<MessageOutcome> {
  return carryOutMessages(messagePlanOf(seed, names))
}

export async function carryOutMessages(plan: MessagePlan): Promise<MessageOutcome> {
  const cluster = new RecordedCluster({ ...plan, nodes: NODES, presenceTtlS: TTL_S, watchTtlS: TTL_S })
  await register(cluster)
  const devices = DEVICES.map(([userId, platformId]) => new Device(cluster, userId, platformId))
  await cluster.run(1_000)
  for (const device of devices) device.connect()
  for (const { atMs, act } of timeline(plan, cluster, devices)) {
    await cluster.run(atMs - cluster.nowMs)
    act()
  }
  await cluster.run(START_MS + BUSY_MS + QUIET_MS - cluster.nowMs)
  for (const device of devices) device.readAll()
  await cluster.run(READ_MS)
  const faults = plan.faults.map((fault) => ({ ...fault, settleMs: settleMsOf(fault.name) }))
  const history = { events: cluster.events, faults, endMs: cluster.nowMs }
  return { plan, history, violations: checkMessages(history, MESSAGE_BOUNDS) }
}

function timeline(
  { steps, faults }: MessagePlan,
  cluster: RecordedCluster,
  devices: readonly Device[],
): { atMs: number; act: () => void }[] {
  // Devices come back by themselves.
  const comeBack = () => {}
  return [
    ...steps.map((step) => ({ atMs: step.atMs, act: () => take(step, devices) })),
    ...faults.map((fault) => ({
      atMs: fault.fromMs,
      act: () => MESSAGE_FAULTS[fault.name].begin(cluster, fault, comeBack),
    })),
    ...faults.map((fault) => ({
      atMs: fault.toMs,
      act: () => MESSAGE_FAULTS[fault.name].end(cluster, fault),
    })),
  ].sort((a, b) => a.atMs - b.atMs)
}

async function register({ database, wallMs }: RecordedCluster): Promise<void> {
  const caller = { userId: '', isAdmin: true, operationId: 'registration' }
  const context = {
    caller,
    nowMs: wallMs,
    newId: () => '',
    settings: OPERATION_SETTINGS,
    deliveries: [],
    followUps: [],
  }
  const connection = database!.model.connect()
  for (const userID of USERS) await connection.write(() => ensureUser.run(context, { userID }))
}

function take(step: MessageStep, devices: readonly Device[]): void {
  const device = devices[step.device]!
  const ofUser = devices.filter((one) => one.userId === device.userId)
  switch (step.do) {
    case 'send':
      for (const one of step.isDoubled ? ofUser : [device]) one.send(step.to, step.id)
      return
    case 'revoke':
      for (const one of step.isDoubled ? ofUser : [device]) one.revokeLast()
      return
    case 'move':
      return device.move(step.node, step.io, step.clean)
    case 'goAway':
      return device.goAway(step.forMs, step.clean)
  }
}
