/** The crowd itself: light sockets that count frames. */
import type { CrowdAnswer, CrowdOrder } from './crowd.js'
import { inParallel } from './gateway.js'
import { LightSocket, type SocketEnd, type Target } from './light-socket.js'

class Party {
  readonly members: Member[] = []
  /** Of each socket; undefined = nobody waits. */
  expected: number | undefined
  /** Sockets that have not got everything yet. */
  missing = 0

  expect(frames: number): void {
    for (const member of this.members) member.reset()
    this.expected = frames
    this.missing = this.members.length
  }

  /** A socket has got what it was to get. */
  satisfied(): void {
    if (--this.missing > 0) return
    this.expected = undefined
    answer({ verb: 'complete', atNs: process.hrtime.bigint() })
  }
}

class Member extends LightSocket {
  frames = 0
  bytes = 0
  #onFrame: (() => void) | undefined
  /** Set once it is leaving: its end is no failure then. */
  #onLeft: (() => void) | undefined
  #joinedMs = 0

  /** `joined` is called when it is upgraded, `refused` when it never was. */
  constructor(
    private readonly party: Party,
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

  reset(): void {
    this.frames = 0
    this.bytes = 0
  }

  protected override onUpgraded(): void {
    this.#joinedMs = performance.now()
    this.party.members.push(this)
    this.joined(this)
  }

  protected override onFrame(length: number): void {
    this.frames++
    this.bytes += length
    const hear = this.#onFrame
    this.#onFrame = undefined
    hear?.()
    if (this.frames === this.party.expected) this.party.satisfied()
  }

  protected override onEnded({ isUpgraded, answer: said, error }: SocketEnd): void {
    if (!isUpgraded) {
      return this.refused(
        new Error(`a socket was not upgraded (${error ?? 'closed'}); it had heard: ${said}`),
      )
    }
    if (this.#onLeft !== undefined) return this.#onLeft()
    const age = `${Math.round(performance.now() - this.#joinedMs)} ms after its upgrade, ${this.frames} frames`
    const reason = `the server on port ${this.target.port} closed a socket of the crowd ${age}`
    answer({ verb: 'failed', reason })
  }
}

const parties = new Map<string, Party>()

function answer(message: CrowdAnswer): void {
  process.send!(message)
}

async function open(order: Extract<CrowdOrder, { verb: 'open' }>): Promise<void> {
  const { port, paths, frames, isGreeted, atOnce } = order
  const party = parties.get(order.party) ?? new Party()
  parties.set(order.party, party)
  const target = { host: '127.0.0.1', port }
  const places = paths.map((path, at) => ({ path, frame: frames?.[at] }))
  const startMs = performance.now()
  const cpuBefore = process.cpuUsage()
  await inParallel(places, atOnce, ({ path, frame }) => join(party, target, path, isGreeted, frame))
  const { user, system } = process.cpuUsage(cpuBefore)
  const seconds = (performance.now() - startMs) / 1_000
  answer({ verb: 'opened', seconds, cpuSeconds: (user + system) / 1e6 })
}

async function leave(name: string): Promise<void> {
  const { members } = parties.get(name)!
  parties.delete(name)
  await Promise.all(members.map((member) => member.leave()))
  answer({ verb: 'left' })
}

function join(
  party: Party,
  target: Target,
  path: string,
  isGreeted: boolean,
  frame: string | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const ask = (member: Member) => {
      if (frame === undefined) return resolve()
      member.onNextFrame(resolve)
      member.send(Buffer.from(frame, 'base64'))
    }
    const joined = (member: Member) => (isGreeted ? member.onNextFrame(() => ask(member)) : ask(member))
    new Member(party, target, path, joined, reject)
  })
}

process.on('message', (order: CrowdOrder) => {
  if (order.verb === 'open' || order.verb === 'leave') {
    const done = order.verb === 'open' ? open(order) : leave(order.party)
    done.catch((error: Error) => answer({ verb: 'failed', reason: error.message }))
    return
  }
  const party = parties.get(order.party)!
  if (order.verb === 'expect') {
    party.expect(order.frames)
    answer({ verb: 'expecting' })
    return
  }
  const frames = party.members.map((member) => member.frames)
  const bytes = party.members.reduce((sum, member) => sum + member.bytes, 0)
  answer({ verb: 'counted', least: Math.min(...frames), most: Math.max(...frames), bytes })
})
// Whoever started the crowd has gone.
process.on('disconnect', () => process.exit(0))
