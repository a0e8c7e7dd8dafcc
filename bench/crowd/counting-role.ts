/** The counting crowd itself: light sockets that count frames. */
import { LightSocket, type SocketEnd, type Target } from '../../src/sdk/light-socket.js'
import { inParallel } from '../../test/support/in-parallel.js'
import { withCpu } from '../support/measure.js'
import { answer, fail } from './answer.js'
import type { CountingAnswer, CountingOrder } from './counting.js'

type OrderOf<V extends CountingOrder['verb']> = Extract<CountingOrder, { verb: V }>

class Party {
  /** Each in the place of its path. */
  readonly members: Member[] = []
  /** Places given away. */
  size = 0
  /** Of each socket; undefined = nobody waits. */
  #expected: { what: 'frames' | 'pings'; count: number } | undefined
  /** Sockets that have not got everything yet. */
  #missing = 0

  expect(what: 'frames' | 'pings', count: number): void {
    for (const member of this.members) member.reset()
    this.#expected = { what, count }
    this.#missing = this.members.length
  }

  /** A socket has got its nth. */
  got(what: 'frames' | 'pings', nth: number): void {
    if (this.#expected === undefined || what !== this.#expected.what || nth !== this.#expected.count) return
    if (--this.#missing > 0) return
    this.#expected = undefined
    answer<CountingAnswer>({ verb: 'complete', atNs: process.hrtime.bigint() })
  }
}

class Member extends LightSocket {
  frames = 0
  bytes = 0
  pings = 0
  #onFrame: (() => void) | undefined
  /** Set once it is leaving: its end is no failure then. */
  #onLeft: (() => void) | undefined
  #joinedMs = 0

  /** `joined` is called when it is upgraded, `refused` when it never was. */
  constructor(
    private readonly party: Party,
    private readonly place: number,
    private readonly target: Target,
    path: string,
    private readonly joined: (member: Member) => void,
    private readonly refused: (error: Error) => void,
  ) {
    super(target, path)
  }

  onNextFrame(hear: () => void): void {
    this.#onFrame = hear
  }

  leave(): Promise<void> {
    return new Promise((resolve) => {
      this.#onLeft = resolve
      this.goodbye()
    })
  }

  /** Resolves with the next frame that comes. */
  ask(frame: string): Promise<void> {
    return new Promise((resolve) => {
      this.onNextFrame(resolve)
      this.send(Buffer.from(frame, 'base64'))
    })
  }

  reset(): void {
    this.frames = 0
    this.bytes = 0
    this.pings = 0
  }

  protected override onUpgraded(): void {
    this.#joinedMs = performance.now()
    this.party.members[this.place] = this
    this.joined(this)
  }

  protected override onFrame(length: number): void {
    this.frames++
    this.bytes += length
    const hear = this.#onFrame
    this.#onFrame = undefined
    hear?.()
    this.party.got('frames', this.frames)
  }

  protected override onPing(): void {
    this.party.got('pings', ++this.pings)
  }

  protected override onEnded({ isUpgraded, answer: said, error }: SocketEnd): void {
    if (!isUpgraded) {
      return this.refused(
        new Error(`a socket was not upgraded (${error ?? 'closed'}); it had heard: ${said}`),
      )
    }
    if (this.#onLeft !== undefined) return this.#onLeft()
    const age = `${Math.round(performance.now() - this.#joinedMs)} ms after its upgrade, ${this.frames} frames`
    fail(`the server on port ${this.target.port} closed a socket of the crowd ${age}`)
  }
}

const parties = new Map<string, Party>()

export async function obey(order: CountingOrder): Promise<CountingAnswer> {
  switch (order.verb) {
    case 'open':
      return open(order)
    case 'ask':
      await ask(order)
      return { verb: 'asked' }
    case 'leave':
      await leave(order.party)
      return { verb: 'left' }
    case 'expect':
      parties.get(order.party)!.expect(order.what, order.count)
      return { verb: 'expecting' }
    case 'count':
      return count(parties.get(order.party)!)
  }
}

async function open(order: OrderOf<'open'>): Promise<CountingAnswer> {
  const { port, paths, frames, isGreeted, atOnce } = order
  const party = parties.get(order.party) ?? new Party()
  parties.set(order.party, party)
  const target = { host: '127.0.0.1', port }
  const firstPlace = party.size
  party.size += paths.length
  const comers = paths.map((path, at) => ({ path, frame: frames?.[at], place: firstPlace + at }))
  const { seconds, cpuSeconds } = await withCpu(() =>
    inParallel(comers, atOnce, async ({ path, frame, place }) => {
      const member = await join(party, place, target, path, isGreeted)
      if (frame !== undefined) await member.ask(frame)
    }),
  )
  return { verb: 'opened', seconds, cpuSeconds }
}

/** Resolves when it is upgraded, and has been greeted where that is to be. */
function join(
  party: Party,
  place: number,
  target: Target,
  path: string,
  isGreeted: boolean,
): Promise<Member> {
  return new Promise((resolve, reject) => {
    const joined = (member: Member) =>
      isGreeted ? member.onNextFrame(() => resolve(member)) : resolve(member)
    new Member(party, place, target, path, joined, reject)
  })
}

async function ask({ party, frames, atOnce }: OrderOf<'ask'>): Promise<void> {
  const questions = parties.get(party)!.members.map((member, place) => ({ member, frame: frames[place]! }))
  await inParallel(questions, atOnce, ({ member, frame }) => member.ask(frame))
}

async function leave(name: string): Promise<void> {
  const { members } = parties.get(name)!
  parties.delete(name)
  await Promise.all(members.map((member) => member.leave()))
}

function count({ members }: Party): CountingAnswer {
  const frames = members.map((member) => member.frames)
  const sum = (part: 'bytes' | 'pings') => members.reduce((all, member) => all + member[part], 0)
  const [bytes, pings] = [sum('bytes'), sum('pings')]
  return { verb: 'counted', least: Math.min(...frames), most: Math.max(...frames), bytes, pings }
}
