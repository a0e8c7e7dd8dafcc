/** The chatting crowd itself: one event loop sends and hears, so one clock times both. */
import { RequestId } from '../../src/openim/requests.js'
import { SUCCESS_TEXT } from '../../src/openim/verdict.js'
import type { UserId } from '../../src/rules/types.js'
import { LightSocket, type SocketEnd, type Target } from '../../src/sdk/light-socket.js'
import { inParallel } from '../../test/support/in-parallel.js'
import { peerOf } from '../support/chat-pairs.js'
import { startCpu } from '../support/measure.js'
import { replyStart, SendFrame } from '../support/send-frame.js'
import { answer } from './answer.js'
import type { MessagingAnswer, MessagingOrder } from './messaging.js'

const COMING_AT_ONCE = 64
/** No frame takes so long; else one was lost. */
const HEARD_WITHIN_MS = 20_000
/** Pushes of one message: to its receiver and to its sender. */
const PUSHES = 2

/** Where a frame says what it is: its request identifier has four digits. */
const KIND_AT = '{"reqIdentifier":'.length
const DIGITS = 4
const ZERO = '0'.charCodeAt(0)

class Talker extends LightSocket {
  sent = 0
  pushed = 0
  sentMs = 0
  readonly #frame: SendFrame
  readonly #errorAt: number

  constructor(
    private readonly chats: Chats,
    readonly peer: number,
    target: Target,
    path: string,
    [own, peers]: [UserId, UserId],
    private readonly joined: (error?: Error) => void,
  ) {
    super(target, path)
    this.readsPayloads = true
    this.#frame = new SendFrame(own, peers)
    this.#errorAt = replyStart(own).length
  }

  sendNext(): void {
    this.sentMs = performance.now()
    this.send(this.#frame.numbered(this.sent++))
  }

  protected override onUpgraded(): void {}

  protected override onFrame(_length: number, payload: Buffer, isText: boolean): void {
    if (isText) return this.joined(verdictError(payload))
    let kind = 0
    for (let at = KIND_AT; at < KIND_AT + DIGITS; at++) kind = kind * 10 + payload[at]! - ZERO
    if (kind === RequestId.Push) {
      this.pushed++
      return this.chats.pushed(this, payload)
    }
    if (kind !== RequestId.SendMessage || payload[this.#errorAt] !== ZERO) {
      throw new Error(`a user of the crowd was told ${String(payload).slice(0, 300)}`)
    }
    this.chats.replied(this, payload)
  }

  protected override onEnded({ closeCode, error }: SocketEnd): void {
    this.joined(new Error(`a user of the crowd was cut off: ${error ?? closeCode ?? 'without a word'}`))
  }
}

function verdictError(payload: Buffer): Error | undefined {
  const text = String(payload)
  return text === SUCCESS_TEXT ? undefined : new Error(`a user of the crowd was not let in: ${text}`)
}

/** Messages that are sent and timed together. */
class Exchange {
  sends = 0
  #replies = 0
  #pushes = 0
  readonly #latenciesMs: number[] = []
  readonly #startMs = performance.now()
  readonly #cpuSeconds = startCpu()

  constructor(public count: number) {}

  get isFull(): boolean {
    return this.sends >= this.count
  }

  replied(latencyMs: number): void {
    this.#replies++
    this.#latenciesMs.push(latencyMs)
  }

  pushed(): void {
    this.#pushes++
  }

  get isOver(): boolean {
    return this.isFull && this.#replies === this.sends && this.#pushes === this.sends * PUSHES
  }

  result(): MessagingAnswer {
    return {
      verb: 'done',
      sends: this.sends,
      seconds: (performance.now() - this.#startMs) / 1_000,
      latenciesMs: Float64Array.from(this.#latenciesMs),
      cpuSeconds: this.#cpuSeconds(),
    }
  }
}

/** One message that is sent and timed alone. */
interface Single {
  replyMs?: number
  pushMs?: number
  ownMs?: number
  reply?: Uint8Array
  push?: Uint8Array
}

class Chats {
  #talkers: Talker[] = []
  #exchange: Exchange | undefined
  #single: Single | undefined
  #sender: Talker | undefined
  #heard = 0
  #deadline: NodeJS.Timeout | undefined

  async come({ port, paths, userIds }: MessagingOrder & { verb: 'come' }): Promise<void> {
    const target = { host: '127.0.0.1', port }
    const places = [...paths.keys()]
    await inParallel(places, COMING_AT_ONCE, (n) => {
      const peer = peerOf(n, paths.length)
      return new Promise<void>((resolve, reject) => {
        let isIn = false
        const joined = (error?: Error) => {
          if (isIn) throw error ?? new Error('a second verdict')
          if (error !== undefined) return reject(error)
          isIn = true
          resolve()
        }
        const names: [UserId, UserId] = [userIds[n]!, userIds[peer]!]
        this.#talkers[n] = new Talker(this, peer, target, paths[n]!, names, joined)
      })
    })
  }

  one(n: number): void {
    this.#single = {}
    this.#sender = this.#talkers[n]!
    this.#sender.sendNext()
  }

  begin(count: number): void {
    this.#exchange = new Exchange(count)
    this.#watch()
    for (const talker of this.#talkers) this.#sendNext(this.#exchange, talker)
  }

  /** What is under way is still waited for. */
  stop(): void {
    const exchange = this.#exchange!
    exchange.count = exchange.sends
    this.#endIfOver(exchange)
  }

  replied(talker: Talker, payload: Buffer): void {
    const nowMs = performance.now()
    this.#heard++
    const exchange = this.#exchange
    if (exchange === undefined) {
      return this.#hear({ replyMs: nowMs - talker.sentMs, reply: Uint8Array.from(payload) })
    }
    exchange.replied(nowMs - talker.sentMs)
    this.#sendNext(exchange, talker)
    this.#endIfOver(exchange)
  }

  pushed(talker: Talker, payload: Buffer): void {
    this.#heard++
    const exchange = this.#exchange
    if (exchange === undefined) {
      const ms = performance.now() - this.#sender!.sentMs
      const isOwn = talker === this.#sender
      return this.#hear(isOwn ? { ownMs: ms } : { pushMs: ms, push: Uint8Array.from(payload) })
    }
    exchange.pushed()
    this.#endIfOver(exchange)
  }

  #sendNext(exchange: Exchange, talker: Talker): void {
    if (exchange.isFull) return
    exchange.sends++
    talker.sendNext()
  }

  #hear(part: Single): void {
    const { replyMs, pushMs, ownMs, reply, push } = Object.assign(this.#single!, part)
    if (replyMs === undefined || pushMs === undefined || ownMs === undefined) return
    answer<MessagingAnswer>({ verb: 'sent', replyMs, pushMs, ownMs, reply: reply!, push: push! })
  }

  #endIfOver(exchange: Exchange): void {
    if (!exchange.isOver) return
    this.#exchange = undefined
    clearInterval(this.#deadline)
    for (const { sent, pushed, peer } of this.#talkers) {
      const expected = sent + this.#talkers[peer]!.sent
      if (pushed !== expected) throw new Error(`a user has ${pushed} pushes of ${expected}`)
    }
    answer(exchange.result())
  }

  #watch(): void {
    let before = -1
    this.#deadline = setInterval(() => {
      if (this.#heard === before) throw new Error(`nothing was heard within ${HEARD_WITHIN_MS} ms`)
      before = this.#heard
    }, HEARD_WITHIN_MS)
  }
}

const chats = new Chats()

export async function obey(order: MessagingOrder): Promise<MessagingAnswer | undefined> {
  switch (order.verb) {
    case 'come':
      await chats.come(order)
      return { verb: 'in' }
    case 'one':
      chats.one(order.n)
      return undefined
    case 'exchange':
      chats.begin(order.count)
      return undefined
    case 'begin':
      chats.begin(Number.POSITIVE_INFINITY)
      return { verb: 'begun' }
    case 'stop':
      chats.stop()
      return undefined
  }
}
