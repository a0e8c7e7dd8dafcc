/** One thread of a ThreadPair. The near one sends, asks and keeps the time; the far one counts and answers. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { Packr } from 'msgpackr'
import {
  ActorSystem,
  defineActor,
  type Question,
  realEnvironment,
  refTo,
  silentLog,
} from '../../src/runtime/index.js'
import type { LinkPort } from '../../src/runtime/link.js'
import type { Done, Order, PairData } from './thread-pair.js'

/** What is told: a message of the size and shape that presence has. */
interface Item {
  kind: 'item'
  userId: string
  platformId: number
  seq: number
}

/** The sender is this many chunks ahead of the receiver at most: enough to keep both busy, whatever the way. */
const CHUNK = 1_024
const WINDOW_CHUNKS = 32
/** As many as a link puts in a frame. */
const BATCH = 256
const ASK_DEADLINE_MS = 10_000

const NEAR = 0
const FAR = 1
const ACTOR = 7

const userIds = Array.from({ length: 1_024 }, (_, n) => `user-${n}`)

function itemAt(seq: number): Item {
  return { kind: 'item', userId: userIds[seq % userIds.length]!, platformId: 1 + (seq % 11), seq }
}

/** Feeds chunks as the receiver takes them; `send` gets the first number of each and how many. */
class Pacer {
  #sent = 0

  constructor(
    private readonly count: number,
    private readonly send: (first: number, length: number) => void,
  ) {}

  begin(): void {
    for (let chunk = 0; chunk < WINDOW_CHUNKS; chunk++) this.next()
  }

  next(): void {
    const length = Math.min(CHUNK, this.count - this.#sent)
    if (length === 0) return
    this.#sent += length
    this.send(this.#sent - length, length)
  }
}

/** Counts what comes, and says when a chunk or everything has. */
class Counter {
  expected = 0
  received = 0
  sum = 0

  expect(count: number): void {
    this.expected = count
    this.received = 0
    this.sum = 0
  }

  take(item: Item): 'chunk' | 'all' | undefined {
    this.received++
    this.sum += item.seq
    if (this.received === this.expected) return 'all'
    return this.received % CHUNK === 0 ? 'chunk' : undefined
  }
}

type NearMessage =
  | { kind: 'begin'; count: number; done: (received: number, sum: number) => void }
  | { kind: 'taken' }
  | { kind: 'all'; received: number; sum: number }
  | { kind: 'askOn'; count: number; trips: Float64Array; done: (answered: number) => void }
  | { kind: 'answered'; seq: number | undefined }

interface Echo extends Question<number> {
  kind: 'echo'
  seq: number
}
type FarMessage = { kind: 'expect'; count: number } | Item | Echo

interface NearState {
  pacer: Pacer | undefined
  done: (received: number, sum: number) => void
  asking:
    | { trips: Float64Array; sentMs: number; answered: number; done: (answered: number) => void }
    | undefined
}

const far = defineActor<FarMessage, Counter>({
  kind: 'far',
  start: () => new Counter(),
  receive(ctx, counter, message) {
    switch (message.kind) {
      case 'expect':
        return counter.expect(message.count)
      case 'echo':
        return ctx.reply(ctx.asker(message), message.seq)
      case 'item': {
        const reached = counter.take(message)
        const near = refTo<NearMessage>(NEAR, ACTOR)
        if (reached === 'chunk') ctx.tell(near, { kind: 'taken' })
        else if (reached === 'all') {
          ctx.tell(near, { kind: 'all', received: counter.received, sum: counter.sum })
        }
      }
    }
  },
})

const near = defineActor<NearMessage, NearState>({
  kind: 'near',
  start: () => ({ pacer: undefined, done: () => {}, asking: undefined }),
  receive(ctx, state, message) {
    const to = refTo<FarMessage>(FAR, ACTOR)
    const ask = (seq: number) => {
      state.asking!.sentMs = performance.now()
      ctx.ask<Echo, 'echo'>(to, { kind: 'echo', seq }, ASK_DEADLINE_MS, (outcome) => ({
        kind: 'answered',
        seq: outcome.ok ? outcome.value : undefined,
      }))
    }
    switch (message.kind) {
      case 'begin':
        state.done = message.done
        state.pacer = new Pacer(message.count, (first, length) => {
          for (let seq = first; seq < first + length; seq++) ctx.tell(to, itemAt(seq))
        })
        ctx.tell(to, { kind: 'expect', count: message.count })
        return state.pacer.begin()
      case 'taken':
        return state.pacer!.next()
      case 'all':
        return state.done(message.received, message.sum)
      case 'askOn':
        state.asking = { trips: message.trips, sentMs: 0, answered: 0, done: message.done }
        return ask(0)
      case 'answered': {
        const asking = state.asking!
        asking.trips[asking.answered] = (performance.now() - asking.sentMs) * 1_000
        if (message.seq === asking.answered) asking.answered++
        if (message.seq === undefined || asking.answered === asking.trips.length) {
          return asking.done(asking.answered)
        }
        return ask(asking.answered)
      }
    }
  },
})

type PortMessage =
  | Item
  | Uint8Array
  | { kind: 'expect'; count: number }
  | { kind: 'echo'; seq: number }
  | { kind: 'taken' }
  | { kind: 'all'; received: number; sum: number }

/** The far end of a bare port. */
function answerOn(port: MessagePort): void {
  const counter = new Counter()
  const unpackr = new Packr({ useRecords: true, sequential: true })
  const take = (item: Item) => {
    const reached = counter.take(item)
    if (reached === 'chunk') port.postMessage({ kind: 'taken' })
    else if (reached === 'all') {
      port.postMessage({ kind: 'all', received: counter.received, sum: counter.sum })
    }
  }
  port.on('message', (message: PortMessage) => {
    if (message instanceof Uint8Array) for (const item of unpackr.unpack(message) as Item[]) take(item)
    else if (message.kind === 'item') take(message)
    else if (message.kind === 'expect') counter.expect(message.count)
    else port.postMessage(message)
  })
}

function tellOver(port: MessagePort, count: number, send: (first: number, length: number) => void) {
  return new Promise<{ received: number; sum: number }>((resolve) => {
    const pacer = new Pacer(count, send)
    const hear = (message: PortMessage) => {
      if (message instanceof Uint8Array) return
      if (message.kind === 'taken') pacer.next()
      else if (message.kind === 'all') {
        port.off('message', hear)
        resolve(message)
      }
    }
    port.on('message', hear)
    port.postMessage({ kind: 'expect', count })
    pacer.begin()
  })
}

function askOver(port: MessagePort, trips: Float64Array): Promise<number> {
  return new Promise((resolve) => {
    let answered = 0
    let sentMs = 0
    const ask = () => {
      sentMs = performance.now()
      port.postMessage({ kind: 'echo', seq: answered })
    }
    const hear = ({ seq }: { seq: number }) => {
      trips[answered] = (performance.now() - sentMs) * 1_000
      if (seq === answered) answered++
      if (answered < trips.length) return ask()
      port.off('message', hear)
      resolve(answered)
    }
    port.on('message', hear)
    ask()
  })
}

/** The near end: what to do for each order. */
function nearEnd(system: ActorSystem, ports: PairData['ports']) {
  const self = refTo<NearMessage>(NEAR, ACTOR)
  const packr = new Packr({ useRecords: true, sequential: true })
  const sendBatches = (first: number, length: number) => {
    for (let at = first; at < first + length; at += BATCH) {
      const items = Array.from({ length: Math.min(BATCH, first + length - at) }, (_, n) => itemAt(at + n))
      const own = new Uint8Array(packr.pack(items))
      ports.batches.postMessage(own, [own.buffer])
    }
  }
  const sendOneByOne = (first: number, length: number) => {
    for (let seq = first; seq < first + length; seq++) ports.postMessage.postMessage(itemAt(seq))
  }
  const tell = (way: Order['way'], count: number): Promise<{ received: number; sum: number }> => {
    if (way === 'postMessage') return tellOver(ports.postMessage, count, sendOneByOne)
    if (way === 'batches') return tellOver(ports.batches, count, sendBatches)
    return new Promise((resolve) => {
      system.tell(self, { kind: 'begin', count, done: (received, sum) => resolve({ received, sum }) })
    })
  }
  const ask = (way: Order['way'], trips: Float64Array): Promise<number> => {
    if (way !== 'runtime') return askOver(ports[way], trips)
    return new Promise((resolve) => {
      system.tell(self, { kind: 'askOn', count: trips.length, trips, done: resolve })
    })
  }
  return async (order: Order): Promise<Done> => {
    if (order.verb === 'ask') {
      const tripsUs = new Float64Array(order.count)
      return { verb: 'ask', tripsUs, answered: await ask(order.way, tripsUs) }
    }
    const startMs = performance.now()
    const counted = await tell(order.way, order.count)
    return { verb: 'tell', seconds: (performance.now() - startMs) / 1_000, ...counted }
  }
}

const { side, ports } = workerData as PairData
const system = new ActorSystem({
  thread: side === 'near' ? NEAR : FAR,
  incarnation: 0,
  environment: realEnvironment,
  log: silentLog,
})
system.link(side === 'near' ? FAR : NEAR, ports.runtime as LinkPort)
if (side === 'far') {
  system.spawn(far, undefined, ACTOR)
  answerOn(ports.postMessage)
  answerOn(ports.batches)
} else {
  system.spawn(near, undefined, ACTOR)
  const obey = nearEnd(system, ports)
  parentPort!.on('message', (order: Order) => void obey(order).then((done) => parentPort!.postMessage(done)))
}
