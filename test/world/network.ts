/**
 * The network between nodes and the store's server, and what goes through the server from node to node.
 *
 * The messages are those of the Redis store, on one server or on a Cluster, written and read by its own code; each
 * pair of nodes keeps its order, as one publisher's messages to one subscriber do.
 */

import { pack } from 'msgpackr'
import { encodeChange } from '../../src/protocol/node/changes.js'
import type { AnyNote } from '../../src/protocol/node/notes.js'
import { splitHolder } from '../../src/rules/cluster/holder.js'
import type { StoredClaims } from '../../src/rules/presence/stored-record.js'
import type { Holder, Snapshot } from '../../src/rules/types.js'
import type { Machine, World } from '../../src/runtime/testkit/world.js'
import type { Addressed, Carrier } from '../../src/store/memory/carrier.js'
import type { Incarnation } from '../../src/store/ports/node-registry.js'
import type { StoreEvents } from '../../src/store/ports/store.js'
import { NodeReceiver, NodeSender, Outgoing } from '../../src/store/redis/node-channel.js'
import { hear } from '../../src/store/shared/hear.js'

/** How badly messages between nodes travel just now. Shares are of all messages. */
export interface Weather {
  lostShare: number
  doubledShare: number
  /** All of them, by so much... */
  slowMs: number
  /** ...and each pair of nodes by up to so much, anew for each message. */
  lateMs: number
  /** How long the store takes to record a batch of assertions. */
  slowAssertMs: number
  /** Of the store's calls, those that fail, and of the users of others, those that do. */
  errorShare: number
}

export const FAIR: Weather = {
  lostShare: 0,
  doubledShare: 0,
  slowMs: 0,
  lateMs: 0,
  slowAssertMs: 0,
  errorShare: 0,
}

/** What everything costs the cluster. */
export class Traffic {
  /** Calls of the store, by method. */
  readonly calls: Record<string, number> = {}
  /** Notes that nodes heard, of themselves too. */
  heard = 0

  called(method: string): void {
    this.calls[method] = (this.calls[method] ?? 0) + 1
  }
}

/** A way on which what leaves first arrives first. */
export type Lane = (run: () => void) => void

const SLOW_SHARE = 0.2
const QUICK_PART = 0.1
/** A node notices within this that the server is away, or back. */
const NOTICE_MS = 400

export class Network {
  weather = FAIR
  readonly traffic = new Traffic()
  readonly world: World
  readonly random: () => number
  /** Else a Cluster, where nodes tell each other what they have recorded. */
  readonly isOneServer: boolean
  readonly #delayMaxMs: number
  /** Nodes that get no messages, and do not know. */
  readonly deaf = new Set<string>()
  readonly #cut = new Set<string>()
  readonly #listeners = new Map<string, NetworkCarrier>()
  readonly #lanes = new Map<string, Lane>()
  #isDown = false

  constructor(world: World, random: () => number, delayMaxMs: number, isOneServer: boolean) {
    this.world = world
    this.random = random
    this.isOneServer = isOneServer
    this.#delayMaxMs = delayMaxMs
  }

  /** Can the node talk to the store's server? */
  reaches(nodeId: string): boolean {
    return !this.#isDown && !this.#cut.has(nodeId)
  }

  cut(nodeId: string): void {
    this.#cut.add(nodeId)
    this.#notice(nodeId)
  }

  heal(nodeId: string): void {
    this.#cut.delete(nodeId)
    this.#notice(nodeId)
  }

  setDown(isDown: boolean): void {
    this.#isDown = isDown
    for (const nodeId of this.#listeners.keys()) this.#notice(nodeId)
  }

  listen(nodeId: string, carrier: NetworkCarrier): void {
    this.#listeners.set(nodeId, carrier)
  }

  deafen(nodeId: string, carrier: NetworkCarrier): void {
    if (this.#listeners.get(nodeId) === carrier) this.#listeners.delete(nodeId)
  }

  lane(extraMs: () => number = () => 0): Lane {
    let lastMs = 0
    return (run) => {
      lastMs = Math.max(lastMs, this.world.nowMs + this.#delayMs() + extraMs())
      this.world.environment.wake(lastMs - this.world.nowMs, run)
    }
  }

  /** From a node, which has reached the server: what it says may be lost all the same. */
  publish(from: string, to: string, payload: Buffer): void {
    if (this.random() >= this.weather.lostShare) this.deliver(from, to, payload)
  }

  /** From the server to the node that has subscribed. */
  deliver(from: string, to: string, payload: Buffer): void {
    const { doubledShare } = this.weather
    const times = this.random() < doubledShare ? 2 : 1
    const key = `${from} ${to}`
    const lane =
      this.#lanes.get(key) ?? this.lane(() => this.weather.slowMs + this.random() * this.weather.lateMs)
    this.#lanes.set(key, lane)
    for (let time = 0; time < times; time++) {
      lane(() => {
        if (this.reaches(to) && !this.deaf.has(to)) this.#listeners.get(to)?.hear(payload)
      })
    }
  }

  /** Most are quick and some are slow, so that one overtakes several of another lane. */
  #delayMs(): number {
    return this.random() * this.#delayMaxMs * (this.random() < SLOW_SHARE ? 1 : QUICK_PART)
  }

  #notice(nodeId: string): void {
    this.world.environment.wake(this.random() * NOTICE_MS, () =>
      this.#listeners.get(nodeId)?.notice(this.reaches(nodeId)),
    )
  }
}

/** One node's way to the server and back. */
export class Path {
  readonly network: Network
  readonly nodeId: string
  readonly there: Lane
  readonly back: Lane

  constructor(network: Network, nodeId: string, machine: Machine) {
    this.network = network
    this.nodeId = nodeId
    this.there = network.lane()
    const back = network.lane()
    // What arrives while the node stands still waits there.
    this.back = (run) => back(() => machine.run(run))
  }

  get isOpen(): boolean {
    return this.network.reaches(this.nodeId)
  }
}

interface Session {
  holder: Holder
  events: StoreEvents
  sender: NodeSender
  receiver: NodeReceiver
}

/** The node channel of the Redis store, over this network. */
export class NetworkCarrier implements Carrier {
  readonly #path: Path
  readonly #isOver: () => boolean
  #session: Session | undefined

  constructor(path: Path, isOver: () => boolean) {
    this.#path = path
    this.#isOver = isOver
  }

  open({ holder }: Incarnation, events: StoreEvents): void {
    const [sender, receiver] = [new NodeSender(holder), new NodeReceiver(holder)]
    this.#session = { holder, events, sender, receiver }
    this.#path.network.listen(this.#path.nodeId, this)
  }

  /**
   * As in the Redis store: one server tells in the same step; else it is the node that publishes, when it has the
   * answer, and one that dies before tells nobody.
   */
  tell(notes: Addressed[], of: Holder): void {
    const { network, nodeId: from } = this.#path
    if (network.isOneServer && of === this.#session!.holder) {
      for (const [to, payload] of scriptMessages(notes, of)) network.deliver(from, to, payload)
      return
    }
    const outgoing = new Outgoing('changes')
    for (const { to, note } of notes) {
      const { nodeId, epoch } = splitHolder(to)
      for (const snapshot of snapshotsIn(note)) outgoing.add(encodeChange(snapshot), [nodeId, String(epoch)])
    }
    const { sender } = this.#session!
    this.#path.back(() => {
      if (!this.#isOver() && this.#path.isOpen) this.#publish(sender, outgoing)
    })
  }

  /** What was sent before an assertion leaves before it. */
  flush(): void {
    if (this.#path.network.isOneServer && this.#session !== undefined) this.#publish(this.#session.sender)
  }

  send(to: Holder, note: AnyNote): void {
    const session = this.#session!
    if (splitHolder(to).nodeId === this.#path.nodeId) {
      queueMicrotask(() => this.#hear(session, [structuredClone(note)], session.holder))
      return
    }
    const isFirst = session.sender.note(to, structuredClone(note))
    if (isFirst) queueMicrotask(() => this.#publish(session.sender))
  }

  close(): void {
    this.#session = undefined
    this.#path.network.deafen(this.#path.nodeId, this)
  }

  hear(payload: Buffer): void {
    if (this.#isOver() || this.#session === undefined) return
    const { receiver, events } = this.#session
    const received = receiver.receive(payload)
    if (typeof received === 'number') throw new Error(`A message of version ${received}.`)
    const { from, notes, missed } = received
    this.#hear(this.#session, notes, from)
    if (missed !== undefined) events.changesMissed(missed)
  }

  #hear({ events }: Session, notes: AnyNote[], from: Holder): void {
    this.#path.network.traffic.heard += notes.length
    for (const note of notes) hear(events, note, from)
  }

  /** The connections to the server broke, or are back and have subscribed again. */
  notice(isUp: boolean): void {
    if (this.#isOver() || this.#session === undefined) return
    const { receiver, events } = this.#session
    if (!isUp) return events.reachable(false, 'out of reach')
    receiver.forgive()
    events.changesMissed('subscribed again')
    events.reachable(true, 'back')
  }

  #publish(sender: NodeSender, outgoing?: Outgoing): void {
    const { nodeId: from, network, there } = this.#path
    for (const { nodeId, payload } of sender.messages(outgoing)) {
      there(() => {
        if (network.reaches(from)) network.publish(from, nodeId, payload)
      })
    }
  }
}

/** What assert-presence-n.lua publishes: by node its message. */
function scriptMessages(notes: Addressed[], by: Holder): Map<string, Buffer> {
  const byNode = new Map<string, unknown[]>()
  for (const { to, note } of notes) {
    const { nodeId } = splitHolder(to)
    const flat = byNode.get(nodeId) ?? []
    byNode.set(nodeId, flat)
    for (const snapshot of snapshotsIn(note)) flat.push(snapshot.userId, ...recordOf(snapshot))
  }
  return new Map([...byNode].map(([nodeId, flat]) => [nodeId, pack([2, by, flat])]))
}

function snapshotsIn(note: AnyNote): Snapshot[] {
  if (note.kind !== 'changes') throw new Error(`An assertion tells changes, not ${note.kind}.`)
  return note.snapshots
}

function recordOf({ version, claims, foreign, isPartial }: Snapshot): [StoredClaims, union: string[]] {
  const flat = claims.flatMap(({ platformId, holder }) => [`${platformId}@${holder}`, 0])
  return [[...flat, 'v', version, ...(isPartial ? ['p', 0] : [])], foreign.map(String)]
}
